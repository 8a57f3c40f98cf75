//! The page for a browser: one file that needs nothing else, neither network
//! nor script.
//!
//! | module | holds |
//! |---|---|
//! | [`page`] | the page as a whole |
//! | [`answer`] | what came out, in ten lines |
//! | [`claim`] | what was claimed, and where it is shown |
//! | [`plots`] | what was measured, as charts |
//! | [`fates`] | who could be stopped, and who survived, as tables |
//! | [`chart`] | a chart as SVG |
//! | [`axis`] | places and ticks |
//! | [`listing`] | both sources, aligned |
//! | [`highlight`] | a source in colours |

pub mod answer;
pub mod axis;
pub mod chart;
pub mod claim;
pub mod fates;
pub mod highlight;
pub mod listing;
pub mod page;
pub mod plots;

use std::{fs, path::Path};

use anyhow::Context as _;
use common::escaped::{Escaped, EscapedLines};

use crate::{claims::Judged, results::Results, verdict::Verdict};

/// All that is shown.
#[derive(Debug)]
pub struct Report<'all> {
    /// What was measured, where and when.
    pub results: &'all Results,
    /// The rows of those scenarios that were not refused.
    pub verdicts: &'all [Verdict],
    /// What was claimed, and what came of it.
    pub claims: &'all [Judged],
}

impl Report<'_> {
    /// Writes the page, over an older one of that name.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let page = page::html(self);
        fs::write(path, EscapedLines(&page).to_string()).with_context(|| {
            format!("the report cannot be written to {}", Escaped(path))
        })
    }

    /// The rows of a scenario.
    fn rows(&self, scenario: &str) -> Vec<&Verdict> {
        let rows = self.verdicts.iter();
        rows.filter(|verdict| verdict.scenario == scenario).collect()
    }
}
