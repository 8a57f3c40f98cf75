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
//! `LINK=dynamic` leaves all as usual.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What rustc asks the linker for under names that mean a shared library, and
/// what is the same in archives. Rustc switches the linker back to shared
/// libraries for these, after whatever a build script may say; but a linker
/// looks in our folder first, and there finds what to take instead. The
/// archives need one another, so the linker is told to go round them.
const INSTEAD: [(&str, &str); 3] = [
    ("libgcc_s.so", "GROUP(-l:libgcc_eh.a -l:libgcc.a -l:libc.a)\n"),
    ("libm.so", "GROUP(-l:libm.a -l:libgcc.a -l:libc.a)\n"),
    ("libc.so", "GROUP(-l:libc.a -l:libgcc.a -l:libgcc_eh.a)\n"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LINK");
    let is_dynamic = env::var("LINK").is_ok_and(|link| link == "dynamic");
    if is_dynamic || !is_gnu_linux() || !has("libc.a") || !has("libgcc_eh.a") {
        return Ok(());
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    link_statically(&folder)
}

/// Our folder is named to the linker itself. By `rustc-link-search`, cargo
/// would pass it on to the tests in the documentation of all other packages,
/// which then are half static, and die without a word.
fn link_statically(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (name, script) in INSTEAD {
        fs::write(folder.join(name), script)?;
    }
    println!("cargo:rustc-link-arg=-L{}", folder.display());
    for flag in ["-static", "-no-pie"] {
        println!("cargo:rustc-link-arg={flag}");
    }
    Ok(())
}

/// Only there, and not on the way to another machine, is what the compiler
/// of C has what rustc's linker will find.
fn is_gnu_linux() -> bool {
    let is = |name, value| env::var(name).is_ok_and(|found| found == value);
    is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && env::var("TARGET").ok() == env::var("HOST").ok()
}

/// Whether the compiler of C knows where this library is: otherwise it prints
/// the name as it was given.
fn has(library: &str) -> bool {
    let mut compiler = Command::new("cc");
    let found = compiler.arg(format!("-print-file-name={library}")).output();
    found.is_ok_and(|found| {
        let path = String::from_utf8_lossy(&found.stdout);
        Path::new(path.trim()).is_absolute()
    })
}
