//! What the scripts for CPython are made of, in numbers: the evidence for
//! claims about the text of these programs.
//!
//! Each script is written once, for threads and for processes. Lines and words
//! are counted: all scripts are formatted by one tool, so lines are comparable,
//! blocks are indented, and no docstring shares a line with anything else.

use std::collections::BTreeSet;

use crate::claims::sources;

/// Words that only occur where a program depends on the model: the modules that
/// provide it, and the start method, which threads do not have.
const APART: [&str; 3] = ["multiprocessing", "start_method", "threading"];

/// What one has to know before a program that runs with threads also runs with
/// processes.
const CARE: [&str; 8] = [
    "__main__",
    "exitcode",
    "get_context",
    "multiprocessing",
    "parent_process",
    "RawArray",
    "sentinel",
    "start_method",
];

/// All scripts together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Lines that are neither blank nor comments.
    pub lines: usize,
    /// Those that are for threads or for processes, but not for both.
    pub lines_apart: usize,
    /// The names to know for processes only.
    pub care: BTreeSet<&'static str>,
}

impl Scripts {
    /// All scripts.
    pub fn all() -> Self {
        Self::of(sources::scripts().map(|script| script.text))
    }

    fn of<'all>(texts: impl IntoIterator<Item = &'all str>) -> Self {
        let mut scripts = Scripts::default();
        for text in texts {
            let lines = lines(text);
            scripts.lines += lines.len();
            scripts.lines_apart += apart(&lines);
            let known = CARE
                .iter()
                .filter(|word| lines.iter().any(|line| has_word(line, word)));
            scripts.care.extend(known);
        }
        scripts
    }
}

/// How often a function of a script takes a lock. None if there is no such
/// function.
pub fn locks_taken(script: &str, function: &str) -> Option<usize> {
    let mut files = sources::scripts();
    let file = files.find(|file| file.name() == script)?;
    let lines = lines(file.text);
    let body = body_of(&lines, function)?;
    Some(body.iter().filter(|line| takes_a_lock(line)).count())
}

/// `with` may open something other than a lock; then the count is too high.
fn takes_a_lock(line: &str) -> bool {
    line.trim_start().starts_with("with ") || line.contains(".acquire(")
}

/// The body of a function of the module. None if there is no such function.
fn body_of<'all>(
    lines: &'all [&'all str],
    function: &str,
) -> Option<&'all [&'all str]> {
    let head = format!("def {function}(");
    let begin = lines.iter().position(|line| line.starts_with(&head))? + 1;
    // A head over several lines ends where it started: at the margin.
    let is_over = |line: &&str| indent(line) == 0 && !line.starts_with(')');
    let body = &lines[begin..];
    let end = body.iter().position(is_over).unwrap_or(body.len());
    Some(&body[..end])
}

/// How many lines name something that only one model has, or are in a block
/// that starts with such a line.
fn apart(lines: &[&str]) -> usize {
    let mut block = None;
    let is_apart = |line: &&&str| {
        let is_inside = block.is_some_and(|margin| indent(line) > margin);
        let is_apart = is_inside || names_what_is_apart(line);
        if !is_inside {
            let begins = is_apart && line.ends_with(':');
            block = begins.then(|| indent(line));
        }
        is_apart
    };
    lines.iter().filter(is_apart).count()
}

fn names_what_is_apart(line: &str) -> bool {
    APART.iter().any(|word| has_word(line, word))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_boundary = |letter: char| !letter.is_alphanumeric() && letter != '_';
    line.split(is_boundary).any(|other| other == word)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Without blank lines, comments and docstrings.
fn lines(text: &str) -> Vec<&str> {
    let mut is_docstring = false;
    let is_code = |line: &&str| {
        let line = line.trim();
        let quotes = line.matches(QUOTES).count();
        let is_of_docstring = is_docstring || line.starts_with(QUOTES);
        if is_of_docstring && quotes == 1 {
            is_docstring = !is_docstring;
        }
        !is_of_docstring && !line.is_empty() && !line.starts_with('#')
    };
    text.lines().map(str::trim_end).filter(is_code).collect()
}

const QUOTES: &str = "\"\"\"";

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#""""A script.

It has threading in its docstring.
"""

import multiprocessing  # line 1

EXAMPLES = """\
  script.py --model processes"""


def worker(
    model, guard
) -> int:
    """What it does."""
    # A comment on start_method.
    if model.start_method is None:
        with guard:
            return 0

        # It goes on.
        return 1
    guard.acquire()
    return 2


def other(): pass
"#;

    #[test]
    fn lines_are_of_code() {
        let lines = lines(SAMPLE);
        assert_eq!(lines.len(), 13, "{lines:#?}");
        assert_eq!(lines[1], "EXAMPLES = \"\"\"\\");
    }

    #[test]
    fn what_is_apart_is_a_line_or_its_block() {
        let Scripts { lines, lines_apart, care } =
            Scripts::of([SAMPLE, "x = 1\n"]);
        assert_eq!([lines, lines_apart], [14, 5]);
        let names = BTreeSet::from(["multiprocessing", "start_method"]);
        assert_eq!(care, names);
    }

    #[test]
    fn a_block_ends_where_it_began() {
        let text = "if threading:\n    a\nb\n    c\nd = \"my threading\"\n  e";
        assert_eq!(apart(&lines(text)), 3);
        assert_eq!(apart(&lines("a = threads\nb = threading_too\n")), 0);
    }

    #[test]
    fn a_function_is_found_by_its_name() {
        let lines = lines(SAMPLE);
        let body = body_of(&lines, "worker").unwrap_or_default();
        assert_eq!(body.len(), 8, "{body:#?}");
        assert_eq!(body.iter().filter(|line| takes_a_lock(line)).count(), 2);
        assert_eq!(body_of(&lines, "work"), None);
        assert_eq!(locks_taken("contract.py", "telepathy"), None);
        assert_eq!(locks_taken("telepathy.py", "main"), None);
    }

    /// Checked against the scripts as they are.
    #[test]
    fn the_model_is_chosen_in_one_place() {
        let scripts = Scripts::all();
        assert!(scripts.lines > 100 && scripts.lines_apart > 0);
        assert!(scripts.lines_apart < scripts.lines / 2, "{scripts:?}");
        assert!(scripts.care.contains("get_context"), "{scripts:?}");
    }
}
