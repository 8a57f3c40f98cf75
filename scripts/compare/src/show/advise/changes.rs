//! What would change the advice: the same task, with another answer to one of
//! the questions.

use common::{outcome::Model::Processes, units};

use super::{
    figures::{FLOW, Figures, IDLE, PIPE},
    task::{Task, YesOrNo},
};

/// A question to answer with yes or no.
struct Requirement {
    answer: fn(&mut Task) -> &mut Option<YesOrNo>,
    yes: &'static str,
    no: &'static str,
}

const REQUIREMENTS: [Requirement; 4] = [
    Requirement {
        answer: |task| &mut task.crash_safe,
        yes: "the rest must survive a crash",
        no: "the rest need not survive a crash",
    },
    Requirement {
        answer: |task| &mut task.killable,
        yes: "a hung worker must be killable",
        no: "a hung worker need not be killable",
    },
    Requirement {
        answer: |task| &mut task.untrusted,
        yes: "a worker runs native or untrusted code",
        no: "no worker runs native or untrusted code",
    },
    Requirement {
        answer: |task| &mut task.from_python,
        yes: "the workers run Python code",
        no: "the workers run no Python code",
    },
];

/// The same task with one answer changed as far as it takes to matter, and
/// what then is so, as words after "if".
pub fn changes(task: &Task, figures: &Figures<'_>) -> Vec<(String, Task)> {
    let required = REQUIREMENTS.iter().map(|it| it.other_way(task));
    let limits = [messages, data, memory];
    let limits = limits.iter().filter_map(|limit| limit(task, figures));
    required.chain(limits).collect()
}

impl Requirement {
    fn other_way(&self, task: &Task) -> (String, Task) {
        let mut task = task.clone();
        let answer = (self.answer)(&mut task);
        let (words, other) = match answer {
            Some(YesOrNo::Yes) => (self.no, YesOrNo::No),
            Some(YesOrNo::No) | None => (self.yes, YesOrNo::Yes),
        };
        *answer = Some(other);
        (words.to_owned(), task)
    }
}

fn messages(task: &Task, figures: &Figures<'_>) -> Option<(String, Task)> {
    let most = 1.0 / figures.value(PIPE, Processes)?;
    let (is_more, other) = across(f64::from(task.how_often()), most);
    let side = if is_more { "more" } else { "fewer" };
    let words =
        format!("workers exchange {side} than {most:.0} messages a second");
    let how_often = Some(other as u32);
    Some((words, Task { how_often, ..task.clone() }))
}

fn data(task: &Task, figures: &Figures<'_>) -> Option<(String, Task)> {
    let flow = figures.value(FLOW, Processes)?;
    let most = flow / f64::from(task.how_often());
    let (is_more, other) = across(task.shared() as f64, most);
    let side = if is_more { "more" } else { "less" };
    let words = format!(
        "workers hand over {side} than {} at a time",
        units::human(most, "B")
    );
    let shared = Some(other as usize);
    Some((words, Task { shared, ..task.clone() }))
}

fn memory(task: &Task, figures: &Figures<'_>) -> Option<(String, Task)> {
    let least = figures.workers as f64 * figures.value(IDLE, Processes)?;
    let (is_more, other) = across(task.memory() as f64, least);
    let side = if is_more { "more" } else { "less" };
    let words =
        format!("there is {side} memory than {}", units::human(least, "B"));
    let memory = Some(other as usize);
    Some((words, Task { memory, ..task.clone() }))
}

/// Whether the other side of the limit is that of more, and a number there.
fn across(number: f64, limit: f64) -> (bool, f64) {
    let is_more = number < limit;
    let other = if is_more { limit.ceil() + 1.0 } else { limit.floor() - 1.0 };
    (is_more, other)
}
