//! A static link is chosen only where it works, whatever the linker.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::link::{Rustc, statically};

#[path = "../build/link.rs"]
mod link;

/// A static link with this linker: its arguments, or why it failed.
fn link_by(linker: &str, folder: &Path) -> Result<Vec<String>, String> {
    let mut flag = OsString::from("-Clinker=");
    flag.push(plant(linker, folder));
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = Rustc { program, flags: vec![flag] };
    statically(&rustc, folder).map_err(|reason| reason.to_string())
}

/// A script, written by another program: a child that another thread starts
/// inherits our open files, and no file that is open for writing can be run.
fn plant(script: &str, folder: &Path) -> OsString {
    let path = folder.join("linker");
    let text = format!("#!/bin/sh\n{script}\n");
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = install.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
    drop(stdin);
    assert!(install.wait().unwrap().success());
    path.into_os_string()
}

/// Finds the file that a linker writes among its arguments.
const OUTPUT: &str = r#"
while [ "$1" != -o ]; do shift; done
output=$2"#;

#[test]
fn a_linker_that_fails_is_no_error_of_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let linker = "echo 'ld.gold: error: cannot find -lgcc_s' >&2; exit 1";
    let reason = link_by(linker, folder.path()).unwrap_err();
    assert!(reason.contains("cannot find -lgcc_s"), "{reason}");
}

#[test]
fn a_program_that_dies_at_its_start_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let linker = format!(
        "{OUTPUT}\nprintf '#!/bin/sh\\nkill -SEGV $$\\n' > \"$output\"\n\
         chmod +x \"$output\""
    );
    let reason = link_by(&linker, folder.path()).unwrap_err();
    assert!(reason.contains("SIGSEGV"), "{reason}");
}

/// The program works, and yet is not static.
#[test]
fn a_linker_that_links_dynamically_all_the_same_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let linker = r#"
for argument do
    shift
    case $argument in -static | -no-pie | -L*/out | -L/tmp/*) ;; *)
        set -- "$@" "$argument" ;;
    esac
done
exec cc "$@""#;
    let reason = link_by(linker, folder.path()).unwrap_err();
    assert!(reason.contains("fails with exit status: 101"), "{reason}");
}

/// With the real linker: the arguments are those that were tried, and the trial
/// program exists, and reports that it is static.
#[test]
fn what_works_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    match link_by("exec cc \"$@\"", folder.path()) {
        Ok(arguments) => {
            assert!(arguments.contains(&"-static".into()), "{arguments:?}");
            let trial = Command::new(folder.path().join("trial")).output();
            assert_eq!(trial.unwrap().stdout, b"static\n");
        }
        // No archives on this machine: then the reason says so.
        Err(reason) => assert!(reason.contains("cannot find"), "{reason}"),
    }
    assert!(fs::exists(folder.path().join("libc.so")).unwrap());
}
