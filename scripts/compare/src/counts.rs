//! What sources are made of, in numbers: the evidence of claims on the text
//! of programs.
//!
//! Counted is what somebody wrote so that the program does its work: without
//! comments, blank lines and unit tests. One rustfmt formats all of it, so a
//! line is a line.

use std::collections::BTreeSet;

use common::{outcome::Model, scenarios};
use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};
use similar::{DiffTag, TextDiff};
use syn::{
    Attribute, Expr, ExprTry, ExprUnsafe, File, Ident, Item, ItemMod, Macro,
    Signature, Token, UseTree,
    punctuated::Punctuated,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use crate::sources::{self, Pair, Source};

/// What some sources are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that hold more than a comment.
    pub lines: usize,
    /// `fn` with a name: free, of a type, or of a trait.
    pub functions: usize,
    /// `unsafe { … }`: where the compiler takes the author's word.
    pub unsafe_blocks: usize,
    /// `?`: calls that may fail, after which the work goes on elsewhere.
    pub fallible_calls: usize,
    /// What keeps workers apart, or brings them together.
    pub primitives: BTreeSet<Primitive>,
    /// What is imported from outside, each by its full path: what a reader
    /// has to know.
    pub concepts: BTreeSet<String>,
}

/// A primitive of synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Primitive {
    /// How it works.
    pub means: Means,
    /// As sources call it.
    pub name: &'static str,
}

/// How a primitive of synchronisation works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// One is in, and who comes waits: it can be forgotten, kept for too
    /// long, or taken in the wrong order.
    Lock,
    /// Nobody waits, and each access is whole; what several make together is
    /// not.
    Atomic,
    /// One waits for others, and nothing is guarded.
    Meeting,
    /// What is sent is the receiver's alone.
    Message,
}

/// Those of std, of crossbeam, of the system, and of the kits, which go by
/// the same names. What only holds memory is not among them (`Arc`,
/// `Segment`), nor what waits for an end (`JoinHandle`): both are needed
/// whether or not there is anything to synchronise.
const PRIMITIVES: [(Means, &[&str]); 4] = [
    (Means::Lock, &["Mutex", "PlainMutex", "RwLock"]),
    (
        Means::Atomic,
        &[
            "AtomicBool",
            "AtomicI32",
            "AtomicI64",
            "AtomicU32",
            "AtomicU64",
            "AtomicUsize",
        ],
    ),
    (Means::Meeting, &["Barrier", "Condvar", "Gate", "futex"]),
    (
        Means::Message,
        &["PipeReader", "PipeWriter", "Receiver", "Sender", "UnixStream"],
    ),
];

impl Counts {
    /// Of these sources together. Manifests are passed over.
    ///
    /// # Errors
    ///
    /// Fails if one of them is not what `syn` knows as Rust.
    pub fn of(sources: impl IntoIterator<Item = Source>) -> syn::Result<Self> {
        let mut counts = Counts::default();
        for source in sources {
            if source.path.ends_with(".rs") {
                counts.add(&program(source.text)?)?;
            }
        }
        Ok(counts)
    }

    /// How many primitives work by these means.
    pub fn primitives_by(&self, means: Means) -> usize {
        let primitives = self.primitives.iter();
        primitives.filter(|primitive| primitive.means == means).count()
    }

    fn add(&mut self, program: &str) -> syn::Result<()> {
        let file = syn::parse_file(program)?;
        self.lines += lines(program).len();
        self.concepts.extend(concepts(&file));
        self.visit_file(&file);
        Ok(())
    }
}

impl Visit<'_> for Counts {
    fn visit_signature(&mut self, signature: &Signature) {
        self.functions += 1;
        visit::visit_signature(self, signature);
    }

    fn visit_expr_unsafe(&mut self, block: &ExprUnsafe) {
        self.unsafe_blocks += 1;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_expr_try(&mut self, call: &ExprTry) {
        self.fallible_calls += 1;
        visit::visit_expr_try(self, call);
    }

    fn visit_ident(&mut self, name: &Ident) {
        self.primitives.extend(primitive(name));
    }

    /// What a macro is given counts as what it is, if it reads as
    /// expressions: `ensure!(found()? > 0, "nothing")`.
    fn visit_macro(&mut self, called: &Macro) {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated;
        for expression in called.parse_body_with(list).iter().flatten() {
            self.visit_expr(expression);
        }
    }
}

fn primitive(name: &Ident) -> Option<Primitive> {
    PRIMITIVES.into_iter().find_map(|(means, names)| {
        let name = names.iter().find(|known| name == *known)?;
        Some(Primitive { means, name })
    })
}

/// What the programs of all scenarios are made of on one side: its kit is not
/// in it.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn programs(model: Model) -> syn::Result<Counts> {
    Counts::of(sources_of_programs(model))
}

/// The same, and the kit that they lean on.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn programs_and_kit(model: Model) -> syn::Result<Counts> {
    Counts::of(sources_of_programs(model).chain(kit(model)?))
}

fn sources_of_programs(model: Model) -> impl Iterator<Item = Source> {
    let scenarios = scenarios::ALL.iter();
    scenarios.flat_map(move |scenario| sources::files(scenario.name, model))
}

/// The files of a side's kit, but for those that only its tests have.
fn kit(model: Model) -> syn::Result<Vec<Source>> {
    let files: Vec<Source> = sources::files("kit", model).collect();
    let mut of_tests = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        of_tests.extend(modules_of_tests(file)?);
    }
    let is_of_tests = |file: &Source| {
        let stem = file.path.trim_end_matches(".rs");
        of_tests.iter().any(|module| {
            let rest = stem.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    Ok(files.into_iter().filter(|file| !is_of_tests(file)).collect())
}

/// Where the modules are that this file has for its tests, in files of their
/// own: `examples-processes/kit/src/frame/tests`.
fn modules_of_tests(source: &Source) -> syn::Result<Vec<String>> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = stem.trim_end_matches("/lib");
    let file = syn::parse_file(source.text)?;
    let modules = file.items.iter().filter_map(module_of_tests);
    Ok(modules.map(|module| format!("{folder}/{}", module.ident)).collect())
}

fn module_of_tests(item: &Item) -> Option<&ItemMod> {
    match item {
        Item::Mod(module) if module.attrs.iter().any(is_for_tests) => {
            Some(module)
        }
        _ => None,
    }
}

/// `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let what = attribute.parse_args::<Ident>();
    attribute.path().is_ident("cfg") && what.is_ok_and(|what| what == "test")
}

/// How many lines both files of a pair have, in the same order.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn lines_in_common(pair: &Pair) -> syn::Result<usize> {
    let threads = program(pair.threads.text)?;
    let processes = program(pair.processes.text)?;
    let diff = TextDiff::from_slices(&lines(&threads), &lines(&processes));
    let common = diff.ops().iter().filter(|op| op.tag() == DiffTag::Equal);
    Ok(common.map(|op| op.old_range().len()).sum())
}

/// The text without unit tests and comments.
fn program(text: &str) -> syn::Result<String> {
    let mut program = text.to_owned();
    let file = syn::parse_file(text)?;
    for tests in file.items.iter().rev().filter_map(module_of_tests) {
        program.replace_range(tests.span().byte_range(), "");
    }
    Ok(without_comments(&program))
}

fn without_comments(text: &str) -> String {
    use TokenKind::{BlockComment, LineComment};
    let mut begin = 0;
    tokenize(text, FrontmatterAllowed::No)
        .filter_map(|token| {
            let end = begin + token.len as usize;
            let part = &text[begin..end];
            begin = end;
            match token.kind {
                BlockComment { .. } | LineComment { .. } => None,
                _ => Some(part),
            }
        })
        .collect()
}

fn lines(program: &str) -> Vec<&str> {
    let lines = program.lines().map(str::trim_end);
    lines.filter(|line| !line.is_empty()).collect()
}

/// What the file imports, but for what is its own program's.
fn concepts(file: &File) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for item in &file.items {
        if let Item::Use(imported) = item {
            collect("", &imported.tree, &mut paths);
        }
    }
    let modules = file.items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    let keywords = ["crate", "self", "super"].map(str::to_owned);
    let own: Vec<String> = modules.chain(keywords).collect();
    paths.retain(|path| {
        let root = path.split("::").next().unwrap_or(path);
        own.iter().all(|name| name != root)
    });
    paths
}

/// The full paths at the ends of a tree of `use`. A new name is none.
fn collect(path: &str, tree: &UseTree, paths: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(step) => {
            let path = format!("{path}{}::", step.ident);
            collect(&path, &step.tree, paths);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(path, tree, paths);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            paths.insert(path.trim_end_matches("::").into());
        }
        UseTree::Name(name) => {
            paths.insert(format!("{path}{}", name.ident));
        }
        UseTree::Rename(name) => {
            paths.insert(format!("{path}{}", name.ident));
        }
        UseTree::Glob(_) => {
            paths.insert(format!("{path}*"));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"//! A file.
mod link;

use std::{io::{self, Read as _}, sync::Mutex}; // threads: std's
use crossbeam::channel::*;
use crate::job;
use link::Link;

/* What a worker
does. */
fn worker(lock: &Mutex<i64>) -> io::Result<i64> {
    ensure!(lock.lock()? > unsafe { limit() }, "https://nowhere");

    let ask = |file: &Link| file.read()?.checked();
    Ok(ask(job::file()?)?)
}

impl Link {
    fn read(&self) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn tested() { unsafe { todo()? } }
}
"#;

    fn source(text: &'static str) -> Source {
        Source { path: "examples-threads/kit/src/lib.rs", text }
    }

    #[test]
    fn what_a_program_is_made_of_is_counted() {
        let counts = Counts::of([source(SAMPLE)]).unwrap();
        assert_eq!(counts.lines, 13);
        assert_eq!(counts.functions, 2);
        assert_eq!(counts.unsafe_blocks, 1);
        assert_eq!(counts.fallible_calls, 4);
        let name = "Mutex";
        let mutex = Primitive { means: Means::Lock, name };
        assert_eq!(counts.primitives, BTreeSet::from([mutex]));
        let concepts = [
            "crossbeam::channel::*",
            "std::io",
            "std::io::Read",
            "std::sync::Mutex",
        ];
        assert!(counts.concepts.iter().eq(concepts), "{counts:?}");
    }
}
