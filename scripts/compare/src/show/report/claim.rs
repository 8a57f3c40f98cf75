//! What is claimed, the verdict here, and the lines that show it.

use common::{outcome::Model, scenarios};
use maud::{Markup, html};

use crate::{
    claims::{
        GROUPS,
        claim::{Group, Judged, Place},
        ruling::Ruling,
        sources,
    },
    run::interpreter::Interpreter,
    show::report::listing::{anchor, line_of},
};

/// The claims by group, in order.
pub fn table(claims: &[Judged]) -> Markup {
    html! {
        @for Group { title, .. } in GROUPS.iter() {
            h3 { (title) }
            dl.claims {
                @for claim in claims.iter().filter(|one| one.group == *title) {
                    (row(claim))
                }
            }
        }
    }
}

fn row(claim: &Judged) -> Markup {
    let names = Interpreter::names(claim.cpython.len());
    html! {
        dt id=(claim.id) {
            span.quiet { (claim.id) } " " (claim.statement)
        }
        dd {
            @if claim.cpython.is_empty() {
                (ruling(&claim.rust))
            } @else {
                p.ruling { "Rust: " (ruling(&claim.rust)) }
            }
            @for (name, cpython) in names.iter().zip(&claim.cpython) {
                p.ruling { (name) ": " (ruling(cpython)) }
            }
            p.quiet {
                (claim.place.scenario) ", " code { (claim.place.file) } ":"
                @for (model, target, line) in links(claim.place) {
                    " " a href={ "#" (target) } { (model) ", line " (line) }
                }
            }
        }
    }
}

fn ruling(ruling: &Ruling) -> Markup {
    html! {
        strong { (ruling.standing) }
        @if let Some(correction) = ruling.correction {
            ": " (correction) " (" (ruling.figure) ")"
        } @else {
            ": " (ruling.figure)
        }
    }
}

/// For each side, the id of a line and its number.
fn links(place: Place) -> Vec<(Model, String, usize)> {
    let Place { scenario, file, function } = place;
    let known = scenarios::ALL.iter().find(|one| one.name == scenario);
    let pair = known.and_then(|known| {
        let mut pairs = sources::pairs(known).into_iter();
        pairs.find(|pair| pair.threads.name() == file)
    });
    let sides = pair.map(|pair| {
        [(Model::Threads, pair.threads), (Model::Processes, pair.processes)]
    });
    sides
        .into_iter()
        .flatten()
        .filter_map(|(model, source)| {
            let line = line_of(&source, function)?;
            let target = anchor(scenario, model, source.name(), line);
            Some((model, target, line))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ruling::Standing;

    const PLACE: Place =
        Place { scenario: "ipc", file: "src/main.rs", function: "run" };

    #[test]
    fn a_claim_is_linked_to_both_sides() {
        let links = links(PLACE);
        assert_eq!(links.len(), 2);
        assert!(links[0].1.starts_with("ipc-threads-main.rs-"));
        let line = format!("-{}", links[1].2);
        assert!(links[1].1.ends_with(&line), "{}", links[1].1);
    }

    #[test]
    fn the_line_is_one_of_the_file_that_is_named() {
        let links = links(Place { file: "src/ring.rs", ..PLACE });
        assert!(links[0].1.starts_with("ipc-threads-ring.rs-"));
    }

    #[test]
    fn what_is_not_there_is_not_linked_to() {
        assert!(links(Place { function: "walk", ..PLACE }).is_empty());
        assert!(links(Place { scenario: "fibers", ..PLACE }).is_empty());
    }

    #[test]
    fn a_claim_stands_in_its_group_with_its_correction() {
        let judged = |id| Judged {
            id,
            group: "Code",
            statement: "IPC is more expensive",
            place: PLACE,
            rust: Ruling {
                standing: Standing::Reworded,
                figure: "1.3×".into(),
                correction: Some("but not much"),
            },
            cpython: Vec::new(),
        };
        let text = table(&[judged("C90"), judged("C91")]).into_string();
        assert_eq!(text.matches("IPC is more expensive").count(), 2);
        let (_, code) = text.split_once("<h3>Code</h3>").unwrap_or_default();
        let words = "<strong>needs rewording</strong>: but not much (1.3×)";
        assert_eq!(code.matches(words).count(), 2, "{text}");
    }
}
