//! From a figure to its position on an axis, and to labelled ticks.

use common::units;

use crate::judge::words::{self, TIMES};

/// What is written at the ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'text> {
    /// A factor: `2×`.
    Times,
    /// In base units, see [`units::human`].
    Base(&'text str),
    /// A size, with binary prefixes.
    Size,
}

/// One dimension of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Axis<'text> {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    unit: Unit<'text>,
}

impl<'text> Axis<'text> {
    /// An axis over these figures on which equal factors have equal lengths.
    /// Figures without a logarithm are left out: see [`Self::shows`].
    pub fn logarithmic(
        unit: Unit<'text>,
        figures: impl IntoIterator<Item = f64>,
    ) -> Self {
        let shown = figures.into_iter().filter(|figure| has_logarithm(*figure));
        let (low, high) = shown.fold((f64::INFINITY, 0.0), widen);
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        // Figures that are all equal stand in the middle.
        let margin = if high / low < 1.1 { 1.1 } else { 1.0 };
        let (low, high) = (low / margin, high * margin);
        Axis { low, high, is_logarithmic: true, unit }
    }

    /// From zero up to the highest of these figures.
    pub fn linear(
        unit: Unit<'text>,
        figures: impl IntoIterator<Item = f64>,
    ) -> Self {
        let high = figures.into_iter().fold(0.0, f64::max);
        let high = if high > 0.0 { high } else { 1.0 };
        Axis { low: 0.0, high, is_logarithmic: false, unit }
    }

    /// Whether a figure has a position on the axis.
    pub fn shows(&self, figure: f64) -> bool {
        let low = self.low * (1.0 - 1e-9);
        figure.is_finite() && figure >= low && figure <= self.high * 1.000_001
    }

    /// The position of a figure: 0 at the low end, 1 at the high end. Figures
    /// beyond an end are placed at that end.
    pub fn place(&self, figure: f64) -> f64 {
        let place = if self.is_logarithmic {
            (figure / self.low).ln() / (self.high / self.low).ln()
        } else {
            (figure - self.low) / (self.high - self.low)
        };
        if place.is_nan() { 0.5 } else { place.clamp(0.0, 1.0) }
    }

    /// Round figures within the axis: at most about six, so that their labels
    /// fit on a phone.
    pub fn ticks(&self) -> Vec<f64> {
        if self.is_logarithmic && self.high / self.low >= 6.0 {
            powers(self.low, self.high)
        } else {
            multiples(self.low, self.high)
        }
    }

    /// A figure as this axis writes it, without trailing zeros.
    pub fn name(&self, figure: f64) -> String {
        match self.unit {
            Unit::Times => words::times(figure) + TIMES,
            Unit::Size => units::binary(figure as usize),
            Unit::Base(unit) => short(&units::human(figure, unit)),
        }
    }
}

fn has_logarithm(figure: f64) -> bool {
    figure.is_finite() && figure > 0.0
}

fn widen((low, high): (f64, f64), figure: f64) -> (f64, f64) {
    (low.min(figure), high.max(figure))
}

/// `10.0 ms` as `10 ms`.
fn short(text: &str) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// Powers of ten, all or every other one; if there are only a few, also values
/// between them.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let factors: &[f64] = match decades {
        few if few < 1.3 => &[1.0, 2.0, 5.0],
        some if some < 2.6 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let step = (decades / 6.0).ceil().max(1.0) as usize;
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    (first..=last)
        .step_by(step)
        .flat_map(|power| factors.iter().map(move |f| f * 10_f64.powi(power)))
        .filter(|tick| *tick >= low * 0.999 && *tick <= high * 1.001)
        .collect()
}

fn multiples(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = nice.into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step * 1.000_001).floor() as i64;
    (first..=last).map(|count| count as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_factors_are_equally_long() {
        let axis = Axis::logarithmic(Unit::Times, [0.1, 10.0, 0.0]);
        let places = [0.1, 1.0, 10.0, 100.0].map(|figure| axis.place(figure));
        for (place, expected) in places.iter().zip([0.0, 0.5, 1.0, 1.0]) {
            assert!((place - expected).abs() < 1e-12, "{places:?}");
        }
    }

    #[test]
    fn what_has_no_logarithm_is_not_shown() {
        let axis = Axis::logarithmic(Unit::Times, [1.0, 2.0]);
        assert!(axis.shows(1.0) && axis.shows(2.0));
        assert!(!axis.shows(0.0) && !axis.shows(f64::INFINITY));
    }

    #[test]
    fn a_tick_is_round_and_short() {
        let time = Axis::linear(Unit::Base("s"), [0.31]);
        let names: Vec<_> =
            time.ticks().into_iter().map(|tick| time.name(tick)).collect();
        assert_eq!(names, ["0 s", "100 ms", "200 ms", "300 ms"]);
        let wide = Axis::logarithmic(Unit::Base("s"), [2e-7, 3e-3]);
        let names: Vec<_> =
            wide.ticks().into_iter().map(|tick| wide.name(tick)).collect();
        assert_eq!(names, ["1 µs", "10 µs", "100 µs", "1 ms"]);
        let ratio = Axis::logarithmic(Unit::Times, [0.5, 2.0]);
        let names: Vec<_> =
            ratio.ticks().into_iter().map(|tick| ratio.name(tick)).collect();
        assert_eq!(names, ["0.50×", "1.00×", "1.50×", "2.0×"]);
    }

    proptest! {
        #[test]
        fn ticks_are_few_and_within(
            low in -9.0..9.0, width in 0.0..8.0, is_logarithmic: bool,
        ) {
            let (low, high) = (10_f64.powf(low), 10_f64.powf(low + width));
            let axis = if is_logarithmic {
                Axis::logarithmic(Unit::Times, [low, high])
            } else {
                Axis::linear(Unit::Times, [high])
            };
            let ticks = axis.ticks();
            prop_assert!((1..=8).contains(&ticks.len()), "{ticks:?}");
            for tick in ticks {
                prop_assert!((0.0..=1.0).contains(&axis.place(tick)));
            }
        }
    }
}
