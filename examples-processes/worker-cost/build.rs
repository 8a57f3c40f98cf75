//! Links this program statically, where that can be done: because each of its
//! workers is this program started again, and would begin by having three
//! libraries mapped, and some thousand addresses corrected, by the dynamic
//! linker. What that saves: `cargo bench -p worker-cost-processes`. What it
//! costs: a larger file, no libraries loaded or names resolved at run time
//! (dlopen(3), nsswitch.conf(5)), and that the program lies at the same
//! address each time, which helps who attacks it.
//!
//! Rustc's own way is `-C target-feature=+crt-static`. It has to be told to
//! the compiler before it compiles anything, from the outside, and so holds
//! for the whole workspace; and by itself it makes a program of which
//! addresses have to be corrected still. Here only the linker is told.
//! `LINK=dynamic` leaves all as usual. The program says which it is.

use std::{
    env,
    error::Error,
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::Path,
};

use crate::link::Rustc;

#[path = "build/link.rs"]
mod link;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/link.rs");
    for variable in ["LINK", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    if env::var("LINK").is_ok_and(|link| link == "dynamic") {
        return Ok(());
    }
    let folder = env::var("OUT_DIR")?;
    match arguments(Path::new(&folder)) {
        Ok(arguments) => {
            for argument in arguments {
                println!("cargo:rustc-link-arg={argument}");
            }
        }
        Err(reason) => println!(
            "cargo:warning=linked dynamically, so that workers take longer to \
             start: {reason}"
        ),
    }
    Ok(())
}

/// What the linker is to be told, in order to link statically.
fn arguments(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    if env::var("TARGET")? != env::var("HOST")? {
        return Err("a program for another machine cannot be tried here".into());
    }
    link::statically(&rustc(), folder)
}

/// As cargo will call it: with the flags and the linker that it was given.
fn rustc() -> Rustc {
    let flags = env::var_os("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<OsString> = flags
        .as_bytes()
        .split(|byte| *byte == 0x1f)
        .filter(|flag| !flag.is_empty())
        .map(|flag| OsString::from_vec(flag.to_vec()))
        .collect();
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut flag = OsString::from("-Clinker=");
        flag.push(linker);
        flags.push(flag);
    }
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Rustc { program, flags }
}
