//! Records the compiler that builds the demos, for the machine description.

use std::{env, process::Command};

fn main() {
    let version = env::var("RUSTC")
        .ok()
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=RUSTC_VERSION={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
