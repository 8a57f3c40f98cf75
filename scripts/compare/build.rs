//! Embeds the sources of every pair and the scripts for CPython, so that a
//! report shows and counts what was built, wherever the program is copied to.
//!
//! The rejected alternative, reading them from the workspace when they are
//! shown, would show later edits, or nothing.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = here.join("../..").canonicalize()?;
    let mut rows = String::new();
    for (folder, files) in [
        ("examples-threads", packages as Files),
        ("examples-processes", packages),
        ("scripts/cpython", scripts),
    ] {
        for file in files(&workspace.join(folder))? {
            let path = file.strip_prefix(&workspace)?.to_string_lossy();
            rows += &format!(
                "Source {{ path: {path:?}, text: include_str!({file:?}) }},\n"
            );
        }
    }
    let table = Path::new(&env::var("OUT_DIR")?).join("sources.rs");
    fs::write(table, format!("&[\n{rows}]\n"))?;
    Ok(())
}

/// Which of the files in a folder are sources.
type Files = fn(&Path) -> Result<Vec<PathBuf>, Box<dyn Error>>;

/// The manifest and the sources of every package in the folder, sorted.
fn packages(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for package in fs::read_dir(folder)? {
        let package = package?.path();
        files.push(package.join("Cargo.toml"));
        collect(&package.join("src"), &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn collect(
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// The scripts in the folder, sorted. Each is watched separately: beside them
/// lies Python's cache, so watching the folder would rebuild this program for
/// each comparison.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
