//! Links this program statically, where possible. Each of its workers is this
//! program, started again: linked dynamically, each would first wait for the
//! dynamic linker to map three libraries and to relocate some thousand
//! addresses. To see what that saves: `cargo bench -p worker-cost-processes`.
//! What it costs: a larger file, no libraries loaded or names resolved at run
//! time (dlopen(3), nsswitch.conf(5)), and a program at the same address each
//! time, which helps an attacker.
//!
//! Rustc's own way is `-C target-feature=+crt-static`. That flag must be set
//! from outside, before anything is compiled, and so applies to the whole
//! workspace; and by itself it makes a program that still needs relocations.
//! Here only the linker gets flags. `LINK=dynamic` links as usual. The program
//! reports how it was linked.

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
            "cargo:warning=linked dynamically, so workers take longer to \
             start: {reason}"
        ),
    }
    Ok(())
}

/// The linker's arguments for a static link.
fn arguments(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    if env::var("TARGET")? != env::var("HOST")? {
        return Err("a program for another machine cannot be run here".into());
    }
    link::statically(&rustc(), folder)
}

/// As cargo will call it: with the same flags and the same linker.
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
