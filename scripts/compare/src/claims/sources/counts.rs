//! What sources are made of, in numbers: the evidence for claims about the text
//! of programs.
//!
//! Only what makes a program work is counted, without comments, blank lines and
//! unit tests. All of it is formatted by rustfmt, so lines are comparable.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
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

use crate::claims::sources::{self, Pair, Source};

/// What some sources are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines with more than a comment.
    pub lines: usize,
    /// Functions and methods.
    pub functions: usize,
    /// `unsafe { … }`: where the compiler takes the author's word.
    pub unsafe_blocks: usize,
    /// `?`: calls that may fail and then continue elsewhere.
    pub fallible_calls: usize,
    /// What keeps workers apart or brings them together.
    pub primitives: BTreeSet<Primitive>,
    /// Everything imported from outside, by full path: what a reader has to
    /// know.
    pub concepts: BTreeSet<String>,
}

/// A primitive of synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Primitive {
    /// How it works.
    pub means: Means,
    /// Its name in the sources.
    pub name: &'static str,
}

/// How a primitive of synchronisation works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// One holds it, the others wait: it can be forgotten, held for too long or
    /// taken in the wrong order.
    Lock,
    /// Nobody waits, and each access is indivisible, but several together are
    /// not.
    Atomic,
    /// One waits for others, and nothing is guarded.
    Meeting,
    /// What is sent belongs to the receiver alone.
    Message,
}

/// Those of std, crossbeam, the system and the kits, which use the same names.
/// What only holds memory is not among them (`Arc`, `Segment`), nor what waits
/// for an exit (`JoinHandle`): both are needed whether or not anything is
/// synchronised.
const PRIMITIVES: [(Means, &[&str]); 4] = [
    (Means::Lock, &["GlobalLock", "Mutex", "PlainMutex", "RwLock"]),
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
    /// These sources together. Manifests are skipped.
    ///
    /// # Errors
    ///
    /// Fails if `syn` cannot parse one of them.
    pub fn of(
        sources: impl IntoIterator<Item = Source>,
    ) -> anyhow::Result<Self> {
        let mut counts = Counts::default();
        for source in sources.into_iter().filter(is_rust) {
            counts.add(&program(&source)?)?;
        }
        Ok(counts)
    }

    /// One file of a scenario: `src/lock.rs`.
    ///
    /// # Errors
    ///
    /// As above, or if the file does not exist.
    pub fn of_file(
        scenario: &str,
        model: Model,
        name: &str,
    ) -> anyhow::Result<Self> {
        let mut files = sources::files(scenario, model);
        let found = files.find(|source| source.name() == name);
        Self::of([found.with_context(|| {
            format!("no counts of {name}: {scenario} has no such file")
        })?])
    }

    /// How many primitives work this way.
    pub fn primitives_by(&self, means: Means) -> usize {
        let primitives = self.primitives.iter();
        primitives.filter(|primitive| primitive.means == means).count()
    }

    fn add(&mut self, program: &str) -> anyhow::Result<()> {
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

    /// The arguments of a macro count if they parse as expressions:
    /// `ensure!(found()? > 0, "nothing")`.
    fn visit_macro(&mut self, called: &Macro) {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated;
        for expression in called.parse_body_with(list).iter().flatten() {
            self.visit_expr(expression);
        }
    }
}

fn is_rust(source: &Source) -> bool {
    source.path.ends_with(".rs")
}

fn primitive(name: &Ident) -> Option<Primitive> {
    PRIMITIVES.into_iter().find_map(|(means, names)| {
        let name = names.iter().find(|known| name == *known)?;
        Some(Primitive { means, name })
    })
}

/// What the programs of all scenarios are made of on one side, without its kit.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn programs(model: Model) -> anyhow::Result<Counts> {
    Counts::of(of_programs(model))
}

/// The same with the kit they use.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn programs_and_kit(model: Model) -> anyhow::Result<Counts> {
    Counts::of(of_programs(model).chain(kit(model)?))
}

fn of_programs(model: Model) -> impl Iterator<Item = Source> {
    let scenarios = scenarios::ALL.iter();
    scenarios.flat_map(move |scenario| sources::files(scenario.name, model))
}

/// The files of a side's kit, without those that only its tests have.
fn kit(model: Model) -> anyhow::Result<Vec<Source>> {
    let mut files: Vec<_> =
        sources::files("kit", model).filter(is_rust).collect();
    let mut of_tests = Vec::new();
    for file in &files {
        of_tests.extend(modules_of_tests(file)?);
    }
    files.retain(|file| {
        let stem = Path::new(file.path).with_extension("");
        !of_tests.iter().any(|module| stem.starts_with(module))
    });
    Ok(files)
}

/// The modules of this file's tests, where they have files of their own:
/// `examples-processes/kit/src/channel/frame/tests`.
fn modules_of_tests(source: &Source) -> anyhow::Result<Vec<PathBuf>> {
    let file = parse(source)?;
    let stem = Path::new(source.path).with_extension("");
    let folder = stem.parent().filter(|_| stem.ends_with("lib"));
    let folder = folder.unwrap_or(&stem);
    let modules = file.items.iter().filter_map(module_of_tests);
    Ok(modules.map(|module| folder.join(module.ident.to_string())).collect())
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

/// How many lines the files of all pairs have in common, in the same order.
///
/// # Errors
///
/// As [`Counts::of`].
pub fn lines_in_common() -> anyhow::Result<usize> {
    let pairs = scenarios::ALL.iter().flat_map(sources::pairs);
    pairs.filter(|pair| is_rust(&pair.threads)).map(lines_of_both).sum()
}

fn lines_of_both(pair: Pair) -> anyhow::Result<usize> {
    let threads = program(&pair.threads)?;
    let processes = program(&pair.processes)?;
    let diff = TextDiff::from_slices(&lines(&threads), &lines(&processes));
    let common = diff.ops().iter().filter(|op| op.tag() == DiffTag::Equal);
    Ok(common.map(|op| op.old_range().len()).sum())
}

/// The text without unit tests and comments.
fn program(source: &Source) -> anyhow::Result<String> {
    let mut program = source.text.to_owned();
    for tests in parse(source)?.items.iter().rev().filter_map(module_of_tests) {
        program.replace_range(tests.span().byte_range(), "");
    }
    Ok(without_comments(&program))
}

fn parse(source: &Source) -> anyhow::Result<File> {
    let no_counts = || format!("no counts of {}", source.path);
    syn::parse_file(source.text).with_context(no_counts)
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

/// What the file imports, except from its own program.
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

/// The full paths at the leaves of a `use` tree. A rename does not count.
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

    fn source(path: &'static str, text: &'static str) -> Source {
        Source { path, text }
    }

    const LIB: &str = "examples-threads/kit/src/lib.rs";

    #[test]
    fn what_a_program_is_made_of_is_counted() {
        let counts = Counts::of([source(LIB, SAMPLE)]).unwrap();
        assert_eq!(counts.lines, 13);
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

    #[test]
    fn several_sources_are_counted_together_and_each_name_once() {
        let twice = [source(LIB, SAMPLE), source(LIB, SAMPLE)];
        let counts = Counts::of(twice).unwrap();
        assert_eq!(counts.lines, 26);
        assert_eq!(counts.concepts.len(), 4);
        let manifest = source("examples-threads/kit/Cargo.toml", "[lints]");
        assert_eq!(Counts::of([manifest]).unwrap(), Counts::default());
    }

    #[test]
    fn what_cannot_be_counted_is_named() {
        let error = Counts::of([source(LIB, "fn fn")]).unwrap_err();
        let words = format!("{error:#}");
        assert!(words.starts_with(&format!("no counts of {LIB}: ")), "{words}");
        let error = Counts::of_file("ipc", Model::Threads, "src/telepathy.rs");
        let words = error.unwrap_err().to_string();
        assert!(words.contains("ipc has no such file"), "{words}");
    }

    #[test]
    fn primitives_are_told_apart_by_their_means() {
        let text =
            "use common::{Condvar, Gate};\nfn f(s: Sender<AtomicU64>) {}";
        let counts = Counts::of([source(LIB, text)]).unwrap();
        let by = |means| counts.primitives_by(means);
        assert_eq!([by(Means::Lock), by(Means::Meeting)], [0, 2]);
        assert_eq!([by(Means::Atomic), by(Means::Message)], [1, 1]);
    }

    #[test]
    fn tests_have_files_of_their_own() {
        let text = "mod link; #[cfg(test)] mod soak; #[cfg(unix)] mod signal;";
        let modules = |path| modules_of_tests(&source(path, text)).unwrap();
        let folder = Path::new("examples-threads/kit/src");
        assert_eq!(modules(LIB), [folder.join("soak")]);
        let pool = "examples-threads/kit/src/pool.rs";
        assert_eq!(modules(pool), [folder.join("pool/soak")]);
    }

    /// Checked against the kit as it is.
    #[test]
    fn files_of_tests_are_not_of_the_kit() {
        let kit = kit(Model::Processes).unwrap();
        let has = |name| kit.iter().any(|file| file.name() == name);
        assert!(has("src/lib.rs") && has("src/channel/frame.rs"));
        assert!(has("src/pool/turn.rs"));
        for of_tests in
            ["src/channel/frame/tests.rs", "src/channel/frame/tests/heap.rs"]
        {
            assert!(!has(of_tests), "{of_tests}");
        }
    }

    #[test]
    fn a_kit_comes_on_top_of_the_programs() {
        for model in [Model::Threads, Model::Processes] {
            let alone = programs(model).unwrap();
            let all = programs_and_kit(model).unwrap();
            let kit = Counts::of(kit(model).unwrap()).unwrap();
            assert_eq!(all.lines, alone.lines + kit.lines);
            assert!(kit.lines > 0 && alone.lines > kit.lines / 3);
        }
    }

    /// Comments about the mechanism are no difference in the code.
    #[test]
    fn lines_of_both_are_the_same_but_for_comments() {
        let threads = "fn f() {\n    one(); // threads: here\n    two();\n}\n";
        let processes = "// all\nfn f() {\n    one();\n\n    zwei();\n}\n";
        let (threads, processes) =
            (source(LIB, threads), source(LIB, processes));
        let lines = lines_of_both(Pair { threads, processes }).unwrap();
        assert_eq!(lines, 3);
    }

    #[test]
    fn no_side_has_more_in_common_than_it_has() {
        let common = lines_in_common().unwrap();
        for model in [Model::Threads, Model::Processes] {
            assert!((1..programs(model).unwrap().lines).contains(&common));
        }
    }
}
