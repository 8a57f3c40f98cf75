//! What was claimed, what came of it here, and the lines that show it.

use common::{outcome::Model, scenarios};
use maud::{Markup, html};

use crate::{
    report::listing::{anchor, line_of},
    sources,
};

/// A claim with its verdict.
#[derive(Debug)]
pub struct ClaimRow {
    /// `C17`.
    pub id: String,
    /// What it is about.
    pub group: String,
    /// What is claimed.
    pub statement: String,
    /// What came of it.
    pub verdict: String,
    /// What was measured.
    pub figure: String,
    /// Where: the scenario.
    pub scenario: String,
    /// The file of its package: `src/main.rs`.
    pub file: String,
    /// The function of that file.
    pub function: String,
}

/// The claims by group, in their order.
pub fn table(claims: &[ClaimRow]) -> Markup {
    let mut groups: Vec<&str> = Vec::new();
    for claim in claims {
        if !groups.contains(&claim.group.as_str()) {
            groups.push(&claim.group);
        }
    }
    html! {
        @for group in groups {
            h3 { (group) }
            dl.claims {
                @for claim in claims.iter().filter(|one| one.group == group) {
                    (row(claim))
                }
            }
        }
    }
}

fn row(claim: &ClaimRow) -> Markup {
    html! {
        dt id=(claim.id) {
            span.quiet { (claim.id) } " " (claim.statement)
        }
        dd {
            strong { (claim.verdict) } ": " (claim.figure) " "
            @for (model, target, place) in links(claim) {
                a href={ "#" (target) } { (model) " " code { (place) } } " "
            }
        }
    }
}

/// On either side: the identity of a line, and its name for a person.
fn links(claim: &ClaimRow) -> Vec<(Model, String, String)> {
    let named = |one: &&scenarios::Scenario| one.name == claim.scenario;
    let scenario = scenarios::ALL.iter().find(named);
    let pair = scenario.and_then(|scenario| {
        let mut pairs = sources::pairs(scenario).into_iter();
        pairs.find(|pair| pair.threads.name() == claim.file)
    });
    let sides = pair.map(|pair| {
        [(Model::Threads, pair.threads), (Model::Processes, pair.processes)]
    });
    sides
        .into_iter()
        .flatten()
        .filter_map(|(model, source)| {
            let line = line_of(&source, &claim.function)?;
            let target = anchor(&claim.scenario, model, source.name(), line);
            Some((model, target, format!("{}:{line}", source.name())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(function: &str) -> ClaimRow {
        ClaimRow {
            id: "C09".into(),
            group: "Cost".into(),
            statement: "IPC is dearer".into(),
            verdict: "holds".into(),
            figure: "a pipe takes 50 µs".into(),
            scenario: "ipc".into(),
            file: "src/main.rs".into(),
            function: function.into(),
        }
    }

    #[test]
    fn a_claim_is_linked_to_both_sides() {
        let links = links(&claim("run"));
        assert_eq!(links.len(), 2);
        assert!(links[0].1.starts_with("ipc-threads-main.rs-"));
        assert!(links[1].2.starts_with("src/main.rs:"));
    }

    #[test]
    fn the_line_is_one_of_the_file_that_is_named() {
        let links =
            links(&ClaimRow { file: "src/ring.rs".into(), ..claim("run") });
        assert!(links[0].1.starts_with("ipc-threads-ring.rs-"));
    }

    #[test]
    fn what_is_not_there_is_not_linked_to() {
        assert!(links(&claim("walk")).is_empty());
        let nowhere = ClaimRow { scenario: "fibers".into(), ..claim("run") };
        assert!(links(&nowhere).is_empty());
    }

    #[test]
    fn claims_stand_in_their_groups() {
        let text = table(&[claim("run"), claim("main")]).into_string();
        assert_eq!(text.matches("<h3>Cost</h3>").count(), 1);
        assert_eq!(text.matches("IPC is dearer").count(), 2);
    }
}
