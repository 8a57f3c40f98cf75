//! What several tests share.

use std::{
    env,
    path::Path,
    process::{Command, Output},
};

/// Runs a Python program, if there is a Python that can `import` what it
/// takes. If not, the test says so and passes: no part of the project needs it.
pub fn python(
    imports: &str,
    program: &str,
    arguments: &[&Path],
) -> Option<Output> {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let has_imports = Command::new(&python)
        .args(["-c", &format!("import {imports}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_imports {
        eprintln!("not run: {python} with {imports} is missing");
        return None;
    }
    let output = Command::new(&python)
        .args(["-c", program])
        .args(arguments)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(output)
}
