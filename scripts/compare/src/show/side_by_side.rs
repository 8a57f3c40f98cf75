//! The page that compares two files of samples: at most 100 columns wide.

use std::fmt;

use common::{escaped::Escaped, units};

use crate::{
    judge::{
        change::{Age, Change, Changed},
        disturbance,
        results::Results,
    },
    run::{plan::count, samples::Heading},
    show::{layout, shell, table},
};

const HOW_TO_READ: &str = "\
“1.08× slower now [1.05, 1.11]”: the median ratio of new to old over pairs \
of programs with the
same number, and its confidence interval. Without a clear change, a \
ratio above 1 is better.
The programs of two files did not take turns: a machine that has become \
slower in between
looks like a program that has. And one of forty unchanged rows may be \
reported by chance.
Measure the old one again before you believe it.";

const OTHER_MACHINE: &str = "\
DIFFERENT MACHINES: the machine may have changed, not the program.";

/// Everything that is shown.
#[derive(Debug)]
pub struct Page<'all> {
    /// The baseline.
    pub old: &'all Results,
    /// What is compared with it.
    pub new: &'all Results,
    /// The changes of each scenario.
    pub changes: &'all [(&'static str, Changed)],
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (age, results) in [(Age::Old, self.old), (Age::New, self.new)] {
            writeln!(formatter, "{}", circumstances(age, results))?;
        }
        let (old, new) = (&self.old.heading, &self.new.heading);
        if old.machine.is(&new.machine) == Some(false) {
            writeln!(formatter, "{OTHER_MACHINE}\n")?;
        }
        for (name, changed) in self.changes {
            writeln!(formatter, "{name}\n{}\n", group(changed))?;
        }
        writeln!(formatter, "{HOW_TO_READ}\n\n{}", self.conclusion())
    }
}

impl Page<'_> {
    fn conclusion(&self) -> String {
        let all = || self.changes.iter().map(|(_, changed)| changed);
        let refused =
            all().filter(|it| matches!(it, Changed::Refused(_))).count();
        let rows = all().filter_map(|changed| match changed {
            Changed::Rows(rows) => Some(rows),
            _ => None,
        });
        let worse: usize = rows
            .map(|rows| rows.iter().filter(|it| it.is_for_the_worse()).count())
            .sum();
        let told = format!(
            "Worse: {}. Not comparable: {}.",
            count(worse, "row"),
            count(refused, "scenario")
        );
        match worse + refused {
            0 => told,
            _ => told + " Exit status 1.",
        }
    }
}

fn circumstances(age: Age, results: &Results) -> String {
    let Heading { command, date, machine, .. } = &results.heading;
    let place = format!(
        "{}, {}, {}",
        Escaped(machine.processor()),
        count(machine.cores, "core"),
        Escaped(&machine.kernel)
    );
    let what = format!(
        "compare {} on {date}, {}",
        shell::line(command),
        Escaped(&machine.rustc)
    );
    let facts =
        layout::facts([[age.to_string().as_str(), &place], ["", &what]]);
    let disturbances = table::disturbances(&disturbance::of(results));
    format!("{facts}\n{disturbances}")
}

fn group(changed: &Changed) -> String {
    let header = ["what", "old", "new", "verdict"];
    let blank = |words: String| {
        vec![[String::new(), String::new(), String::new(), words]]
    };
    layout::sheet(
        layout::COLUMNS,
        header,
        match changed {
            Changed::Rows(rows) => rows.iter().map(row).collect(),
            Changed::OnlyIn(age) => blank(format!("only in the {age} file")),
            Changed::Refused(words) => blank(words.clone()),
        },
    )
}

fn row(change: &Change) -> [String; 4] {
    let figure = |value: Option<f64>| {
        value.map_or(String::new(), |value| units::human(value, &change.unit))
    };
    [
        change.name.clone(),
        figure(change.old),
        figure(change.new),
        change.words.clone(),
    ]
}
