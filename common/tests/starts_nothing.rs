//! `common` starts no thread and no process: the mechanism of a demo is in
//! the demo, and never hidden in the library.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Ident, ItemMod,
    visit::{self, Visit},
};

/// Whoever starts something has to say one of these.
const STARTERS: [&str; 14] = [
    "spawn",
    "spawn_scoped",
    "spawn_unchecked",
    "build_global",
    "build_scoped",
    "enable_steady_tick",
    "Command",
    "ThreadPoolBuilder",
    "rayon",
    "fork",
    "vfork",
    "posix_spawn",
    "clone3",
    "pthread_create",
];

#[test]
fn no_source_names_what_starts_a_thread_or_a_process() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 10, "the sources were found");
    for path in sources {
        let found = starters(&fs::read_to_string(&path).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn whoever_starts_something_is_found() {
    for source in [
        "fn f() { std::thread::spawn(|| ()); }",
        "fn f() { thread::Builder::new().spawn_scoped(s, g); }",
        "use std::process::Command;",
        "use rayon::prelude::*;",
        "fn f(bar: ProgressBar) { bar.enable_steady_tick(t); }",
        "fn f() { unsafe { libc::fork() }; }",
    ] {
        assert_eq!(starters(source).len(), 1, "{source}");
    }
    let tested = "#[cfg(test)] mod tests { fn f() { thread::spawn(g); } }";
    assert!(starters(tested).is_empty());
}

/// All but those of tests, which may start what they like.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    paths
        .flat_map(
            |path| if path.is_dir() { sources(&path) } else { vec![path] },
        )
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .filter(|path| !path.to_string_lossy().ends_with("tests.rs"))
        .collect()
}

fn starters(source: &str) -> Vec<String> {
    let mut search = Search::default();
    search.visit_file(&syn::parse_file(source).unwrap());
    search.found
}

#[derive(Default)]
struct Search {
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for Search {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        if STARTERS.iter().any(|starter| ident == starter) {
            self.found.push(ident.to_string());
        }
    }

    /// Tests may start what they like.
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let is_test = |attribute: &Attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<Ident>()
                    .is_ok_and(|condition| condition == "test")
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }
}
