//! The answer, as a person would give it: when to use threads, when processes,
//! and when it does not matter; and how many of the claims hold.

use std::collections::BTreeMap;

use crate::{
    claims::{
        claim::Judged,
        needs::{Answer, Choice},
        ruling::Standing,
    },
    run::plan::count,
    show::{comparison::Comparison, layout},
};

/// Needs for which this run recommends the same.
#[derive(Debug)]
pub struct Group<'all> {
    /// `Use threads when`.
    pub heading: &'static str,
    /// What completes it.
    pub answers: Vec<&'all Answer>,
}

/// How to read its figures.
pub const LEGEND: &str = "A ratio is the median over pairs of one program with \
    threads and one with processes, so it is not the quotient of the two \
    figures; in brackets, its 95 % confidence interval.";

/// What to do where a run cannot tell.
pub const REMEDY: &str = "Run it again while nothing else is running, or give \
    it more time: --budget 600.";

/// All answers, by what they recommend.
pub fn groups(answers: &[Answer]) -> Vec<Group<'_>> {
    let headings = [
        (Some(Choice::Threads), "Use threads when"),
        (Some(Choice::Processes), "Use processes when"),
        (Some(Choice::Either), "Either will do when"),
        (None, "This run cannot tell which to use when"),
    ];
    let groups = headings.map(|(choice, heading)| {
        let of_it = answers.iter().filter(|answer| answer.choice == choice);
        Group { heading, answers: of_it.collect() }
    });
    let is_told = |group: &Group| !group.answers.is_empty();
    groups.into_iter().filter(is_told).collect()
}

/// What stands at the end of the terminal's page.
pub fn text(comparison: &Comparison) -> String {
    let mut lines = String::from("Threads or processes? This run says:\n");
    if comparison.answers.iter().any(|answer| answer.choice.is_some()) {
        lines += &format!("\n{}\n", layout::paragraph(LEGEND));
    }
    for group in groups(&comparison.answers) {
        lines += &format!("\n{}\n", group.heading);
        let rows = group.answers.iter().map(|answer| {
            let words = format!("{} ({})", answer.words, answer.scenario);
            [answer.need.to_owned(), words]
        });
        lines += &layout::columns([42, 58], rows);
        lines.push('\n');
        if group.answers.iter().any(|answer| answer.choice.is_none()) {
            lines += &format!("{REMEDY}\n");
        }
    }
    if !comparison.claims.is_empty() {
        lines +=
            &format!("\n{}\n", layout::paragraph(&claims(&comparison.claims)));
    }
    lines
}

/// How many claims stand which way, and which are not as people say.
pub fn claims(claims: &[Judged]) -> String {
    let mut standings: BTreeMap<Standing, usize> = BTreeMap::new();
    for claim in claims {
        *standings.entry(claim.rust.standing).or_default() += 1;
    }
    let numbers = standings.iter().map(|(standing, number)| {
        format!("{number} {}", in_plural(*standing, *number))
    });
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    let all = count(claims.len(), "claim");
    let refuted = claims
        .iter()
        .filter(|claim| claim.rust.standing == Standing::DoesNotHold)
        .map(|Judged { id, statement, rust, .. }| {
            format!("“{statement}” ({id}), because {}", rust.figure)
        })
        .collect::<Vec<_>>();
    if refuted.is_empty() {
        format!("Of {all} that people make, in Rust: {numbers}.")
    } else {
        format!(
            "Of {all} that people make, in Rust: {numbers}. Refuted here: {}.",
            refuted.join("; ")
        )
    }
}

fn in_plural(standing: Standing, number: usize) -> &'static str {
    match (standing, number) {
        (Standing::Holds, 1) => "holds",
        (Standing::Holds, _) => "hold",
        (Standing::Reworded, 1) => "needs rewording",
        (Standing::Reworded, _) => "need rewording",
        (Standing::OnlyInCPython, 1) => "is true of CPython only",
        (Standing::OnlyInCPython, _) => "are true of CPython only",
        (Standing::DoesNotHold, 1) => "does not hold",
        (Standing::DoesNotHold, _) => "do not hold",
        (Standing::NotMeasured, 1) => "was not measured",
        (Standing::NotMeasured, _) => "were not measured",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::planted::Planted;

    #[test]
    fn what_is_recommended_stands_under_its_heading() {
        let planted = Planted::nothing()
            .both("responsive-ui", "hand-over-row", [1.0, 3.0])
            .both("worker-cost", "finish.anew", [2.0, 1.0]);
        let comparison = Comparison::of(planted.results());
        let groups = groups(&comparison.answers);
        let scenarios = |heading: &str| -> Vec<&str> {
            let group = groups.iter().find(|it| it.heading == heading);
            let answers = group.map(|it| &it.answers[..]).unwrap_or_default();
            answers.iter().map(|answer| answer.scenario).collect()
        };
        assert_eq!(scenarios("Use threads when"), ["responsive-ui"]);
        assert_eq!(scenarios("Use processes when"), ["worker-cost"]);
        assert_eq!(scenarios("Either will do when"), [""; 0]);
        let all: usize = groups.iter().map(|it| it.answers.len()).sum();
        assert_eq!(all, comparison.answers.len());
    }

    #[test]
    fn the_text_has_every_need_and_the_remedy_once() {
        let planted = Planted::nothing()
            .both("shared-state", "transfers.racy", [1.0, 1.0])
            .both("worker-cost", "finish.bare", [1.0, 1.0]);
        let comparison = Comparison::of(planted.results());
        assert_eq!(comparison.answers.len(), 2);
        let text = text(&comparison);
        let text: Vec<_> = text.split_whitespace().collect();
        let text = text.join(" ");
        let first_words =
            |need: &str| need.split(' ').take(3).collect::<Vec<_>>().join(" ");
        for Answer { need, .. } in &comparison.answers {
            assert!(text.contains(&first_words(need)), "{need}: {text}");
        }
        assert_eq!(text.matches(REMEDY).count(), 1);
        assert!(text.contains("were not measured"), "{text}");
    }
}
