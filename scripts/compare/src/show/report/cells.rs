//! What several tables of the page have in a cell.

use maud::{Markup, html};

use crate::judge::{finding::Finding, verdict::Verdict, words::Words};

/// An interval broken over two lines is hard to read.
pub fn unbroken(words: &Words) -> Markup {
    html! {
        (words.verdict)
        @if let Some(interval) = &words.interval {
            " " span.interval-text { (interval) }
        }
    }
}

/// The class of a verdict that names a winner.
pub fn winner(verdict: &Verdict) -> Option<String> {
    match verdict.finding {
        Some(Finding::Better(model)) => Some(format!("better {model}")),
        _ => None,
    }
}
