//! No test of the workspace holds a time against a machine that it does not
//! know. A busy machine may take a hundred times as long as a quiet one, so
//! a test waits for an event, and gives up only when it is clear that the
//! event will never come.
//!
//! This sees what can be seen in the sources of the tests:
//!
//! - an assertion that something took *less* than a time. That it took *at
//!   least* as long as a timeout may be asserted: it holds on any machine.
//! - a sleep, unless it is the short pause in a loop that looks for an event,
//!   or is listed below with its reason.
//! - a deadline or a patience that is too short to mean "it hangs".

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Expr, ExprCall, ExprLoop, ExprWhile, Ident, ItemConst, ItemMod,
    Lit, Local, Macro, Pat, Signature,
    visit::{self, Visit},
};

/// The least that a deadline is, if all it says is that something hangs.
const HANGS: Duration = Duration::from_secs(30);

/// The functions of tests that sleep for another reason than to look again:
/// file, function, and why what is tested holds however long it is.
const SLEEPERS: [(&str, &str, &str); 9] = [
    (
        "common/tests/matrix/reading.rs",
        "who_is_writing_is_waited_for",
        "the lock is there before the reader is, and is held for a moment",
    ),
    (
        "examples-processes/kit/tests/deaths.rs",
        "die",
        "somebody waits for the lock by then, or finds it poisoned",
    ),
    (
        "examples-processes/kit/tests/deaths.rs",
        "is_killed",
        "the moment of a death is random",
    ),
    (
        "examples-processes/kit/tests/soak/ends.rs",
        "send",
        "an outbox is not told that there is room: it looks again",
    ),
    (
        "examples-processes/kit/tests/soak/play.rs",
        "keep",
        "an end pauses at random, so that the other one waits",
    ),
    (
        "examples-processes/kit/tests/soak/round.rs",
        "rest",
        "a worker is stopped for a random time",
    ),
    (
        "examples-processes/matrix/mpi/tests/deaths.rs",
        "at",
        "the moment of a death is random",
    ),
    (
        "scripts/compare/tests/aftermath.rs",
        "at",
        "the moment of an end is random",
    ),
    (
        "scripts/compare/tests/cpython.rs",
        "end",
        "the moment of an end is random",
    ),
];

#[test]
fn no_test_depends_on_how_fast_the_machine_is() {
    let (mut found, mut sleepers) = (Vec::new(), BTreeSet::new());
    let sources = sources(&workspace());
    assert!(sources.len() > 100, "the sources were found");
    for path in sources {
        let file = path.strip_prefix(workspace()).unwrap();
        let file = file.to_str().unwrap().to_owned();
        let is_test = file.contains("/tests/") || file.ends_with("tests.rs");
        for fault in faults(&fs::read_to_string(&path).unwrap(), is_test) {
            let listed = SLEEPERS.iter().position(|(listed, function, _)| {
                fault.what == SLEEP
                    && *listed == file
                    && *function == fault.function
            });
            match listed {
                Some(place) => _ = sleepers.insert(place),
                None => found.push(format!("{file}: {fault:?}")),
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(sleepers.len(), SLEEPERS.len(), "listed, and asleep no more");
}

#[test]
fn what_depends_on_it_is_found() {
    for source in [
        "assert!(start.elapsed() < Duration::from_secs(60));",
        "assert!(LIMIT > start.elapsed());",
        "let took = start.elapsed(); assert!(took <= LIMIT);",
        "let (took, n) = (start.elapsed(), 7); ensure!(took < n * LIMIT);",
        "thread::sleep(Duration::from_millis(1));",
        "loop { look()?; thread::sleep(Duration::from_millis(200)); }",
        "sleep(MOMENT);",
        "const DEADLINE: Duration = Duration::from_secs(29);",
        "const OUR_PATIENCE: Duration = Duration::from_millis(400);",
    ] {
        let source = format!("fn test() {{ {source} }}");
        assert_eq!(faults(&source, true).len(), 1, "{source}");
        assert!(faults(&source, false).is_empty(), "{source}");
        let tested = format!("#[cfg(test)] mod tests {{ {source} }}");
        assert_eq!(faults(&tested, false).len(), 1, "{tested}");
    }
}

#[test]
fn what_holds_on_any_machine_is_not_found() {
    for source in [
        "assert!(start.elapsed() >= timeout);",
        "assert!(timeout <= start.elapsed());",
        "assert!(start.elapsed() < DEADLINE, \"it hangs\");",
        "let took = start.elapsed(); assert!(took < 2 * DEADLINE);",
        "let count = 3; assert!(count < 7);",
        "while !is_there() { thread::sleep(Duration::from_millis(1)); }",
        "loop { look()?; thread::sleep(Duration::from_millis(10)); }",
        "thread::sleep(Duration::MAX);",
        "const DEADLINE: Duration = Duration::from_secs(30);",
        "const INTERVAL: Duration = Duration::from_millis(1);",
    ] {
        let source = format!("fn test() {{ {source} }}");
        assert!(faults(&source, true).is_empty(), "{source}");
    }
}

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// All sources of the workspace.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("target") && !path.ends_with(".git"))
        .flat_map(
            |path| if path.is_dir() { sources(&path) } else { vec![path] },
        )
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

const TIMED: &str = "an assertion that something takes no longer";
const SLEEP: &str = "a sleep";
const SHORT: &str = "a deadline that a busy machine may miss";

/// What depends on the machine, and in which function of a test.
#[derive(Debug)]
struct Fault {
    what: &'static str,
    function: String,
}

fn faults(source: &str, is_test: bool) -> Vec<Fault> {
    let mut search = Search { is_test, ..Search::default() };
    search.visit_file(&syn::parse_file(source).unwrap());
    search.faults
}

#[derive(Default)]
struct Search {
    is_test: bool,
    function: String,
    /// In how many loops it is.
    loops: usize,
    /// Variables that hold how long something took.
    times: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl Search {
    fn note(&mut self, what: &'static str) {
        if self.is_test {
            self.faults.push(Fault { what, function: self.function.clone() });
        }
    }

    /// Whether a sleep is the pause between two looks at an event, or has no
    /// end.
    fn is_pause(&self, time: &Expr) -> bool {
        let is_short = |time| time <= Duration::from_millis(10);
        self.loops > 0 && duration(time).is_some_and(is_short)
            || is_path_to(time, "MAX")
    }

    /// Whether some words name a time that was taken.
    fn is_time(&self, words: &[String]) -> bool {
        words.iter().any(|word| word == "elapsed" || self.times.contains(word))
    }

    /// Whether a time is held against anything but a deadline, which is too
    /// long to be missed by one that does not hang.
    fn is_timed(&self, assertion: TokenStream) -> bool {
        let words = words(assertion);
        let is_deadline =
            |words: &[String]| words.iter().any(|word| is_for_hangs(word));
        let compared = |sign: &str| {
            let place = words.iter().position(|word| word == sign)?;
            Some((&words[..place], &words[place + 1..]))
        };
        let is_below = compared("<").is_some_and(|(time, limit)| {
            self.is_time(time) && !is_deadline(limit)
        });
        is_below
            || compared(">").is_some_and(|(limit, time)| {
                self.is_time(time) && !is_deadline(limit)
            })
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let before = self.is_test;
        self.is_test |= module.attrs.iter().any(is_for_tests);
        visit::visit_item_mod(self, module);
        self.is_test = before;
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.function = signature.ident.to_string();
        self.times.clear();
    }

    fn visit_expr_loop(&mut self, looped: &'ast ExprLoop) {
        self.loops += 1;
        visit::visit_expr_loop(self, looped);
        self.loops -= 1;
    }

    fn visit_expr_while(&mut self, looped: &'ast ExprWhile) {
        self.loops += 1;
        visit::visit_expr_while(self, looped);
        self.loops -= 1;
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if let Some(init) = &local.init {
            let names = names(&local.pat);
            let values = match (&*init.expr, names.len()) {
                (Expr::Tuple(tuple), 2..) => tuple.elems.iter().collect(),
                (value, _) => vec![value],
            };
            for (name, value) in names.into_iter().zip(values) {
                if is_elapsed(value) {
                    self.times.insert(name);
                }
            }
        }
        visit::visit_local(self, local);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let name = called.path.segments.last().unwrap().ident.to_string();
        let asserts = ["assert", "ensure", "prop_assert"];
        if asserts.iter().any(|it| name.starts_with(it))
            && self.is_timed(called.tokens.clone())
        {
            self.note(TIMED);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if is_path_to(&call.func, "sleep") && !self.is_pause(&call.args[0]) {
            self.note(SLEEP);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_item_const(&mut self, constant: &'ast ItemConst) {
        let name = constant.ident.to_string();
        let is_short = |time: Duration| time < HANGS;
        if is_for_hangs(&name) && duration(&constant.expr).is_some_and(is_short)
        {
            self.note(SHORT);
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<Ident>()
            .is_ok_and(|condition| condition == "test")
}

/// The variables that a pattern binds, if it is a name or a tuple of names.
fn names(pattern: &Pat) -> Vec<String> {
    match pattern {
        Pat::Ident(name) => vec![name.ident.to_string()],
        Pat::Type(typed) => names(&typed.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

fn is_elapsed(value: &Expr) -> bool {
    match value {
        Expr::MethodCall(call) => call.method == "elapsed",
        _ => false,
    }
}

/// Whether this constant says when it is clear that something hangs.
fn is_for_hangs(name: &str) -> bool {
    name.contains("DEADLINE") || name.contains("PATIENCE")
}

fn is_path_to(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Path(path)
        if path.path.segments.last().unwrap().ident == name)
}

/// A time that is written down as such: `Duration::from_millis(7)`.
fn duration(expression: &Expr) -> Option<Duration> {
    let Expr::Call(call) = expression else { return None };
    let Expr::Path(function) = &*call.func else { return None };
    let Some(Expr::Lit(number)) = call.args.first() else { return None };
    let Lit::Int(number) = &number.lit else { return None };
    let number = number.base10_parse().ok()?;
    match &*function.path.segments.last()?.ident.to_string() {
        "from_nanos" => Some(Duration::from_nanos(number)),
        "from_micros" => Some(Duration::from_micros(number)),
        "from_millis" => Some(Duration::from_millis(number)),
        "from_secs" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

/// All words and signs, also those in brackets.
fn words(tokens: TokenStream) -> Vec<String> {
    let words = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => words(group.stream()),
        other => vec![other.to_string()],
    });
    words.collect()
}
