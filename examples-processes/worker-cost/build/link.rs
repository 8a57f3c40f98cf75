//! How to link statically, found out by doing it: which linker there is, and
//! what it makes of our arguments, is not known from outside.

use std::{
    error::Error,
    ffi::OsString,
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

/// It does what each of these libraries is needed for: a thread, with memory
/// of its own, that unwinds. And it sees that no library was mapped.
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

/// The compiler, and what it is always told.
pub struct Rustc {
    pub program: OsString,
    pub flags: Vec<OsString>,
}

/// The arguments by which a program is linked statically, and then works.
/// Files that they name are put into `folder`.
///
/// Our folder is named to the linker itself. By `rustc-link-search`, cargo
/// would pass it on to the tests in the documentation of all other packages,
/// which then are half static, and die without a word.
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
    match done.status.success() {
        true => Ok(program),
        false => Err(reason(&String::from_utf8_lossy(&done.stderr)).into()),
    }
}

/// The line that says most of why a program cannot be linked.
fn reason(stderr: &str) -> String {
    let names = |what: &str| stderr.lines().find(|line| line.contains(what));
    let line = names("cannot find").or_else(|| names("error"));
    let line = line.unwrap_or("it cannot be linked").trim();
    line.strip_prefix("= note: ").unwrap_or(line).to_owned()
}

fn run(program: &Path) -> Result<(), Box<dyn Error>> {
    let done = Command::new(program).output()?;
    match done.status.success() && done.stdout == b"static\n" {
        true => Ok(()),
        false => {
            let status = done.status;
            Err(format!("a program linked so ends with {status}").into())
        }
    }
}
