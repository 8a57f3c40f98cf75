//! How to link statically, found out by trying it: nothing else shows which
//! linker is used, and what it makes of our arguments.

use std::{
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The shared libraries that rustc asks the linker for, and the archives that
/// replace them. Rustc switches the linker back to shared libraries for these,
/// after all arguments from a build script; but the linker looks in our folder
/// first, and finds these scripts there. The archives need one another, so
/// `GROUP` has the linker search them repeatedly.
const INSTEAD: [(&str, &str); 3] = [
    ("libgcc_s.so", "GROUP(-l:libgcc_eh.a -l:libgcc.a -l:libc.a)\n"),
    ("libm.so", "GROUP(-l:libm.a -l:libgcc.a -l:libc.a)\n"),
    ("libc.so", "GROUP(-l:libc.a -l:libgcc.a -l:libgcc_eh.a)\n"),
];

/// A program that needs each of these libraries: it starts a thread, with
/// thread-local memory, that unwinds. It checks that no library was mapped.
const TRIAL: &str = r#"
use std::{cell::Cell, fs, panic, thread};

thread_local!(static OWN: Cell<f64> = Cell::new(2.0));

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let worker = thread::spawn(|| {
        let unwind = cfg!(panic = "unwind");
        let unwound = || panic::catch_unwind(|| panic!()).is_err();
        OWN.set(OWN.get().powf(0.5).exp());
        !unwind || unwound()
    });
    assert!(worker.join().unwrap());
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.lines().any(|line| line.contains(".so")));
    println!("static");
}
"#;

/// The compiler, and the flags that it always gets.
pub struct Rustc {
    pub program: OsString,
    pub flags: Vec<OsString>,
}

/// The arguments that link a program statically, if a program linked with them
/// works. Files that they name are put into `folder`.
///
/// The folder is passed to the linker itself. With `rustc-link-search`, cargo
/// would also pass it on to the doctests of all other packages, which would
/// then be half static, and crash without a message.
pub fn statically(
    rustc: &Rustc,
    folder: &Path,
) -> Result<Vec<String>, Box<dyn Error>> {
    for (name, script) in INSTEAD {
        fs::write(folder.join(name), script)?;
    }
    let search = format!("-L{}", folder.display());
    let arguments = [&search, "-static", "-no-pie"].map(str::to_owned).to_vec();
    let program = compile(rustc, &arguments, folder)?;
    run(&program)?;
    Ok(arguments)
}

fn compile(
    rustc: &Rustc,
    arguments: &[String],
    folder: &Path,
) -> Result<PathBuf, Box<dyn Error>> {
    let (source, program) = (folder.join("trial.rs"), folder.join("trial"));
    fs::write(&source, TRIAL)?;
    let mut compiler = Command::new(&rustc.program);
    compiler.arg("--edition=2024").args(&rustc.flags);
    for argument in arguments {
        compiler.arg(format!("-Clink-arg={argument}"));
    }
    let done = compiler.arg("-o").arg(&program).arg(&source).output()?;
    if done.status.success() {
        Ok(program)
    } else {
        Err(reason(&String::from_utf8_lossy(&done.stderr)).into())
    }
}

/// The line that best explains why a program cannot be linked.
fn reason(stderr: &str) -> String {
    let names = |what: &str| stderr.lines().find(|line| line.contains(what));
    let line = names("cannot find").or_else(|| names("error"));
    let line = line.unwrap_or("linking failed").trim();
    line.strip_prefix("= note: ").unwrap_or(line).to_owned()
}

fn run(program: &Path) -> Result<(), Box<dyn Error>> {
    let done = Command::new(program).output()?;
    if done.status.success() && done.stdout == b"static\n" {
        Ok(())
    } else {
        let status = done.status;
        Err(format!("a static program fails with {status}").into())
    }
}
