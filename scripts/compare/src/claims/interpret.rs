//! Applies a rule to the evidence, which gives a ruling.

use common::{estimate::Estimate, units};

use crate::{
    claims::{
        quantity::Quantity,
        rule::{Case, Form, Gap, Rule, Shown, When},
        ruling::{Missing, Ruling, Standing},
    },
    judge::words::{TIMES, Words, interval, times},
    run::plan::count,
};

/// What provides the quantities: the evidence, or a test.
pub trait Source {
    /// The value of one.
    ///
    /// # Errors
    ///
    /// It is missing, with the reason.
    fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing>;
}

/// How the claim stands.
pub fn ruling(rule: &Rule, source: &dyn Source) -> Ruling {
    decide(rule, source).unwrap_or_else(Ruling::from)
}

fn decide(rule: &Rule, source: &dyn Source) -> Result<Ruling, Missing> {
    for case in &rule.cases {
        if is_so(&case.when, source)? {
            return conclude(rule, case, source);
        }
    }
    Err(Missing(rule.otherwise.into()))
}

/// Of several conditions, each with what it stands for, the first that holds.
/// One that cannot be told is passed over: a later one may hold all the same.
///
/// # Errors
///
/// None holds: then what could not be told is missing, if there is any.
pub fn first<'all, T>(
    all: &'all [(When, T)],
    source: &dyn Source,
) -> Result<&'all T, Missing> {
    let mut unknown = None;
    for (when, what) in all {
        match is_so(when, source) {
            Ok(true) => return Ok(what),
            Ok(false) => {}
            Err(missing) => unknown = Some(missing),
        }
    }
    let nothing = || Missing("what was measured does not decide it".into());
    Err(unknown.unwrap_or_else(nothing))
}

fn conclude(
    rule: &Rule,
    case: &Case,
    source: &dyn Source,
) -> Result<Ruling, Missing> {
    let Case { standing, words, shown, .. } = case;
    if let (Standing::NotMeasured, Some(why)) = (standing, words) {
        return Err(Missing((*why).into()));
    }
    Ok(Ruling {
        standing: *standing,
        figure: in_words(shown.as_ref().unwrap_or(&rule.shown), source)?,
        correction: *words,
    })
}

/// Among several conditions, an unknown one matters only if it could change the
/// result.
fn is_so(when: &When, source: &dyn Source) -> Result<bool, Missing> {
    match when {
        When::Exceeds(quantity, threshold) => {
            exceeds(source.estimate(quantity)?, *threshold)
        }
        When::Not(one) => is_so(one, source).map(|is_so| !is_so),
        When::All(all) => unless(false, all, source),
        When::Any(any) => unless(true, any, source),
    }
}

/// `decisive` if any of them is; the opposite if all are known.
fn unless(
    decisive: bool,
    conditions: &[When],
    source: &dyn Source,
) -> Result<bool, Missing> {
    let mut unknown = None;
    for condition in conditions {
        match is_so(condition, source) {
            Ok(it) if it == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(missing) => unknown = unknown.or(Some(missing)),
        }
    }
    unknown.map_or(Ok(!decisive), Err)
}

/// Whether an estimate exceeds a threshold with its whole interval.
///
/// # Errors
///
/// The evidence is missing if the threshold lies within the interval: any
/// answer would be a guess.
fn exceeds(estimate: Estimate, threshold: f64) -> Result<bool, Missing> {
    if estimate.low > threshold {
        Ok(true)
    } else if estimate.high <= threshold {
        Ok(false)
    } else {
        let [threshold, low, high] =
            [threshold, estimate.low, estimate.high].map(significant);
        Err(Missing(format!(
            "too noisy: the interval [{low}, {high}] includes {threshold}"
        )))
    }
}

/// Three significant digits, even far below one: a threshold may be a time, and
/// its unit is not known here.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

/// What was measured, with the gaps filled.
///
/// # Errors
///
/// Fails if something that goes into a gap is missing.
pub fn in_words(shown: &Shown, source: &dyn Source) -> Result<String, Missing> {
    let mut pieces = shown.text.split("{}");
    let mut words = pieces.next().unwrap_or_default().to_owned();
    for (piece, gap) in pieces.zip(&shown.gaps) {
        words += &filled(gap, source)?;
        words += piece;
    }
    Ok(words)
}

fn filled(gap: &Gap, source: &dyn Source) -> Result<String, Missing> {
    let all = match gap {
        Gap::One(quantity, form) => {
            return Ok(written(source.estimate(quantity)?, *form));
        }
        Gap::Highest(all) => all,
    };
    let mut highest: Option<(&str, Estimate)> = None;
    for (name, quantity) in all {
        let one = source.estimate(quantity)?;
        if highest.is_none_or(|(_, known)| one.low > known.low) {
            highest = Some((name, one));
        }
    }
    Ok(highest.map_or_else(String::new, |(name, estimate)| {
        format!("{name} {}", written(estimate, Form::Interval))
    }))
}

/// Smaller shares would be rounded to 0 %.
const FEW: f64 = 1e-4;

fn written(estimate: Estimate, form: Form) -> String {
    let median = estimate.median;
    match form {
        Form::Times => times(median) + TIMES,
        Form::Interval => {
            format!("{}{TIMES} {}", times(median), interval(estimate))
        }
        Form::Verdict(unit, better) => {
            Words::of(estimate, unit, better).to_string()
        }
        Form::Number => times(median),
        Form::In(unit) => units::human(median, unit),
        Form::Share if 0.0 < median && median < FEW => {
            format!("{:.1} in a million", 1e6 * median)
        }
        Form::Share => units::human(median, "share"),
        Form::Of(noun) => count(median as usize, noun),
        Form::Plain => (median as usize).to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::claims::rule::{all, any, exceeds as above, not};

    struct Nobody;

    /// Only the threshold varies: the interval [0.9, 1.1] is above 0.5, below
    /// 2.0, and undecided at 1.0.
    impl Source for Nobody {
        fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing> {
            match quantity {
                Quantity::Gil => {
                    Ok(Estimate { median: 1.0, low: 0.9, high: 1.1 })
                }
                _ => Err(Missing("there is none".into())),
            }
        }
    }

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
    fn what_cannot_be_told_says_why() {
        let estimate = Estimate { median: 2.0, low: 1.5, high: 2.5 };
        let ruling = exceeds(estimate, 2.0).map_err(Ruling::from).unwrap_err();
        assert_eq!(ruling.standing, Standing::NotMeasured);
        let words = "too noisy: the interval [1.50, 2.50] includes 2.00";
        assert_eq!(ruling.figure, words);
        let [frame, all, none] = [0.016_667, 123.4, 0.0].map(significant);
        assert_eq!([&*frame, &*all, &*none], ["0.0167", "123", "0"]);
    }

    #[test]
    fn what_cannot_be_told_matters_only_if_it_could_turn_the_whole() {
        let gil = |threshold| above(Quantity::Gil, threshold);
        let (yes, no, unknown) = (gil(0.5), gil(2.0), gil(1.0));
        let so = |when: &When| is_so(when, &Nobody).ok();
        assert_eq!(
            [&yes, &no, &unknown].map(so),
            [Some(true), Some(false), None]
        );
        let both = |one: &When, other: &When| [one.clone(), other.clone()];
        for (one, other, are_all, is_any) in [
            (&yes, &unknown, None, Some(true)),
            (&no, &unknown, Some(false), None),
            (&unknown, &unknown, None, None),
            (&yes, &no, Some(false), Some(true)),
        ] {
            for both in [both(one, other), both(other, one)] {
                assert_eq!(so(&all(both.clone())), are_all);
                assert_eq!(so(&any(both)), is_any);
            }
        }
        assert_eq!(so(&not(unknown)), None);
        assert_eq!(so(&not(no)), Some(true));
        assert_eq!(so(&all([])), Some(true));
    }

    #[test]
    fn a_quantity_is_written_as_people_do() {
        let two = Estimate { median: 2.0, low: 1.0, high: 3.0 };
        for (form, words) in [
            (Form::Times, "2.0×"),
            (Form::Interval, "2.0× [1.00, 3.0]"),
            (Form::Of("lock"), "2 locks"),
            (Form::Plain, "2"),
            (Form::In("share"), "200 %"),
        ] {
            assert_eq!(written(two, form), words);
        }
        let share = |median| written(Estimate { median, ..two }, Form::Share);
        assert_eq!(share(7.5e-6), "7.5 in a million");
        assert_eq!(share(0.02), "2.00 %");
    }
}
