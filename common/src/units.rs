//! Figures as people write them: three digits and a prefix.

/// `value` in base units, with the prefix that makes it readable: 0.0021 s is
/// `2.10 ms`. A plain count has the unit `1`, which is not written; a `share`
/// of a whole is written in percent.
pub fn human(value: f64, unit: &str) -> String {
    const PREFIXES: [(f64, &str); 7] = [
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
    ];
    if unit == "1" {
        return count(value);
    }
    if unit == "share" {
        return format!("{} %", three_digits(100.0 * value));
    }
    if value == 0.0 || !value.is_finite() {
        return format!("{value} {unit}");
    }
    // Seconds are not written in kiloseconds.
    let largest = if unit == "s" { 1.0 } else { f64::INFINITY };
    let (factor, prefix) = PREFIXES
        .into_iter()
        .find(|(factor, _)| *factor <= largest && value.abs() >= *factor)
        .unwrap_or((1e-9, "n"));
    format!("{} {prefix}{unit}", three_digits(value / factor))
}

/// `value` with three significant digits, never in exponent notation.
pub fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn count(value: f64) -> String {
    // The median of an even number of counts has a half.
    let value = if value.abs() >= 100.0 { value.round() } else { value };
    if value.fract() != 0.0 {
        return three_digits(value);
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_prefix_that_reads_best() {
        assert_eq!(human(0.0021, "s"), "2.10 ms");
        assert_eq!(human(4321.0, "s"), "4321 s");
        assert_eq!(human(1.9e7, "op/s"), "19.0 Mop/s");
        assert_eq!(human(12e-9, "s"), "12.0 ns");
        assert_eq!(human(0.0, "B"), "0 B");
        assert_eq!(human(1234567.0, "1"), "1,234,567");
        assert_eq!(human(-1000.0, "1"), "-1,000");
        assert_eq!(human(242171.5, "1"), "242,172");
        assert_eq!(human(0.95, "1"), "0.95");
        assert_eq!(human(0.0412, "share"), "4.12 %");
    }
}
