//! The page for a browser: one file that needs nothing else, neither network
//! nor scripts.
//!
//! | module | contents |
//! |---|---|
//! | [`page`] | the page as a whole |
//! | [`answer`] | when to use which |
//! | [`cells`] | what several tables have in a cell |
//! | [`claim`] | the claims, and where they are shown |
//! | [`forest`] | the answer of a scenario, row by row |
//! | [`plots`] | the measurements as charts |
//! | [`fates`] | who could be stopped, and who survived, as tables |
//! | [`chart`] | a chart as SVG |
//! | [`axis`] | positions and ticks |
//! | [`listing`] | both sources, aligned |
//! | [`highlight`] | a source in colours |

pub mod answer;
pub mod axis;
pub mod cells;
pub mod chart;
pub mod claim;
pub mod fates;
pub mod forest;
pub mod highlight;
pub mod listing;
pub mod page;
pub mod plots;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use common::escaped::{Escaped, EscapedLines};

use crate::show::comparison::Comparison;

/// Writes the page beside its samples, over an older one of the same samples.
///
/// # Errors
///
/// Fails if the file cannot be written, or must not be overwritten.
pub fn write(
    comparison: &Comparison,
    samples: &Path,
) -> anyhow::Result<PathBuf> {
    check(samples)?;
    let path = beside(samples);
    let page = EscapedLines(&page::html(comparison)).to_string();
    fs::write(&path, page).with_context(|| {
        format!("cannot write the report to {}", Escaped(&path))
    })?;
    Ok(path)
}

/// Checks that a report can be written there later, so that nobody measures for
/// minutes only to learn that it cannot.
///
/// # Errors
///
/// Fails if the file exists and is not one of our reports.
pub fn check(samples: &Path) -> anyhow::Result<()> {
    let path = beside(samples);
    ensure!(
        path != samples,
        "{} is where the report of these samples goes: give the samples \
         another name with --json",
        Escaped(&path)
    );
    let is_ours = begins_as_ours(&path).with_context(|| {
        format!("cannot write the report to {}", Escaped(&path))
    })?;
    ensure!(
        is_ours,
        "the report would overwrite {}, which is not a report of this \
         program: move it, or give the samples another name with --json",
        Escaped(&path)
    );
    Ok(())
}

/// `mine.html` for `mine.json`: each file of samples has its own report.
fn beside(samples: &Path) -> PathBuf {
    samples.with_extension("html")
}

/// Whether the file is a report, or does not exist.
fn begins_as_ours(path: &Path) -> io::Result<bool> {
    let mut beginning = String::new();
    let read = File::open(path).and_then(|file| {
        file.take(page::BEGINNING.len() as u64).read_to_string(&mut beginning)
    });
    match read {
        Ok(_) => Ok(beginning == page::BEGINNING),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}
