//! A hostile act and what came of it, as both languages' programs report it.

use serde::Deserialize;

/// An act of a worker that is kept in some way.
#[derive(Debug, Clone, Deserialize)]
pub struct Tried {
    /// How the worker is kept: `bare`, or `confined`.
    pub variant: String,
    /// The name of the act.
    pub act: String,
    /// What came of it.
    pub cell: Cell,
    /// How, in words.
    pub how: String,
    /// What came of it before the worker asked a sibling, if it did.
    pub alone: Option<Cell>,
}

/// What came of an act, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// It failed, and everything else goes on.
    Contained,
    /// It did harm.
    Harmed,
    /// Its host died of it.
    Dead,
}

impl Tried {
    /// Whether a filter held it, as long as the worker asked nobody.
    pub fn is_held(&self) -> bool {
        self.alone.unwrap_or(self.cell) == Cell::Contained
    }

    /// Whether a filter held it only until the worker asked a sibling.
    pub fn is_bypassed(&self) -> bool {
        self.is_held() && self.cell != Cell::Contained
    }
}
