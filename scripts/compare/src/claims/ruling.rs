//! How a claim can stand.

use std::fmt;

use serde::Serialize;

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Measured, and as stated.
    Holds,
    /// True with a correction.
    Reworded,
    /// True for a default build of CPython, not applicable to Rust.
    OnlyInCPython,
    /// Measured, and not as stated.
    DoesNotHold,
    /// The evidence is missing.
    NotMeasured,
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Standing::Holds => "holds",
            Standing::Reworded => "needs rewording",
            Standing::OnlyInCPython => "only in CPython",
            Standing::DoesNotHold => "does not hold",
            Standing::NotMeasured => "not measured",
        })
    }
}

/// The verdict on a claim in one language, and its basis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// How it stands.
    pub standing: Standing,
    /// What was measured, or why it was not.
    pub figure: String,
    /// The corrected statement. None if it needs no correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<&'static str>,
}

/// Why a claim cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub String);

impl From<Missing> for Ruling {
    fn from(Missing(figure): Missing) -> Self {
        let standing = Standing::NotMeasured;
        Ruling { standing, figure, correction: None }
    }
}
