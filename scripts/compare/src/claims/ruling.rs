//! How a claim can stand.

use std::fmt;

use common::estimate::Estimate;
use serde::Serialize;

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Measured, and as stated.
    Holds,
    /// True after a correction.
    Reworded,
    /// True of a default build of CPython, and void in Rust.
    OnlyInCPython,
    /// Measured, and otherwise.
    DoesNotHold,
    /// The evidence is missing.
    NotMeasured,
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Standing::Holds => "holds",
            Standing::Reworded => "holds, reworded",
            Standing::OnlyInCPython => "only in CPython",
            Standing::DoesNotHold => "does not hold",
            Standing::NotMeasured => "not measured",
        })
    }
}

/// The verdict on a claim in one language, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// How it stands.
    pub standing: Standing,
    /// What was measured; or why it was not.
    pub figure: String,
    /// What to say instead. None if the claim needs no other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<&'static str>,
}

impl Ruling {
    /// As stated.
    pub fn holds(figure: impl Into<String>) -> Self {
        Self::new(Standing::Holds, figure)
    }

    /// True if one says it so.
    pub fn reworded(
        correction: &'static str,
        figure: impl Into<String>,
    ) -> Self {
        let correction = Some(correction);
        Ruling { correction, ..Self::new(Standing::Reworded, figure) }
    }

    /// Void in Rust.
    pub fn only_in_cpython(figure: impl Into<String>) -> Self {
        Self::new(Standing::OnlyInCPython, figure)
    }

    /// Otherwise.
    pub fn does_not_hold(figure: impl Into<String>) -> Self {
        Self::new(Standing::DoesNotHold, figure)
    }

    fn new(standing: Standing, figure: impl Into<String>) -> Self {
        Ruling { standing, figure: figure.into(), correction: None }
    }
}

impl From<Missing> for Ruling {
    fn from(Missing(why): Missing) -> Self {
        Self::new(Standing::NotMeasured, why)
    }
}

/// Why a claim cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub String);

/// What one notices, and might choose by: a quarter more. The judge's own
/// [`CLEAR`](crate::judge::CLEAR) tells that there is a difference at all,
/// and claims say more than that.
pub const NOTICED: f64 = 1.25;

/// Whether an estimate is above a threshold, all of its interval.
///
/// # Errors
///
/// The evidence is missing if the threshold lies within the interval: a guess
/// would be as good.
pub fn exceeds(estimate: Estimate, threshold: f64) -> Result<bool, Missing> {
    if estimate.low > threshold {
        Ok(true)
    } else if estimate.high <= threshold {
        Ok(false)
    } else {
        let [threshold, low, high] =
            [threshold, estimate.low, estimate.high].map(significant);
        Err(Missing(format!(
            "too noisy to tell from {threshold}: [{low}, {high}]"
        )))
    }
}

/// Three digits, also of what is far below one: a threshold may be a time, and
/// what its unit is nobody says here.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_needs_the_whole_interval() {
        let against_two = |low, high| {
            let median = 2.0;
            exceeds(Estimate { median, low, high }, 2.0).ok()
        };
        assert_eq!(against_two(2.1, 9.0), Some(true));
        assert_eq!(against_two(0.1, 2.0), Some(false));
        assert_eq!(against_two(2.0, 2.1), None);
        assert_eq!(against_two(f64::NAN, f64::NAN), None);
    }

    #[test]
    fn who_cannot_tell_says_why() {
        let estimate = Estimate { median: 2.0, low: 1.5, high: 2.5 };
        let ruling = exceeds(estimate, 2.0).map_err(Ruling::from).unwrap_err();
        assert_eq!(ruling.standing, Standing::NotMeasured);
        assert_eq!(ruling.figure, "too noisy to tell from 2.00: [1.50, 2.50]");
        let [frame, all, none] = [0.016_667, 123.4, 0.0].map(significant);
        assert_eq!([&*frame, &*all, &*none], ["0.0167", "123", "0"]);
    }
}
