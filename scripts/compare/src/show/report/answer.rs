//! The answer, at the head of the page.

use maud::{Markup, html};

use crate::{
    claims::needs::Answer,
    show::{
        answer::{self, Group, LEGEND, REMEDY},
        comparison::Comparison,
    },
};

/// When to use which, and how many of the claims hold.
pub fn lines(comparison: &Comparison) -> Markup {
    html! {
        p.quiet { (LEGEND) }
        @for group in answer::groups(&comparison.answers) { (recommended(&group)) }
        @if !comparison.claims.is_empty() {
            p {
                (answer::claims(&comparison.claims)) " "
                a href="#claims" { "All claims." }
            }
        }
    }
}

fn recommended(group: &Group<'_>) -> Markup {
    let is_open = group.answers.iter().any(|it| it.choice.is_none());
    html! {
        h2.choice { (group.heading) "…" }
        ul.answer {
            @for Answer { need, scenario, words, .. } in &group.answers {
                li {
                    strong { (need) } ": " (words) " "
                    a href={ "#" (scenario) } { (scenario) }
                }
            }
        }
        @if is_open { p { (REMEDY) } }
    }
}
