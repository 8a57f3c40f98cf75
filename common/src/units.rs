//! Human-readable figures: three digits and a prefix.

/// Formats `value`, in base units, with a readable prefix: 0.0021 s is
/// `2.10 ms`. A plain count has the unit `1`, which is omitted; a `share` of a
/// whole is written in percent.
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

/// As [`human`], for a figure that this machine may not report.
pub fn known(value: Option<f64>, unit: &str) -> String {
    value.map_or("not known here".into(), |value| human(value, unit))
}

/// Formats a size in bytes with a binary prefix: `64 MiB`.
pub fn binary(bytes: usize) -> String {
    let fits = |(_, factor): &&(&str, usize)| bytes.is_multiple_of(*factor);
    let (unit, factor) = BINARY.iter().find(fits).unwrap_or(&("B", 1));
    match bytes {
        0 => "0 B".into(),
        _ => format!("{} {unit}", bytes / factor),
    }
}

const BINARY: [(&str, usize); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Parses the output of [`binary`], also without the space or without a unit.
///
/// # Errors
///
/// Fails if `text` is not a size, or one that no machine has.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let unit = text.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let unit = if unit.is_empty() { "B" } else { unit.trim_start() };
    let factor = BINARY.iter().find(|(name, _)| *name == unit);
    factor
        .and_then(|(_, factor)| {
            number.parse::<usize>().ok()?.checked_mul(*factor)
        })
        .filter(|bytes| *bytes <= isize::MAX as usize)
        .ok_or_else(|| "expected a size, such as 64KiB, 64MiB or 1GiB".into())
}

/// Formats `value` with three significant digits, never in exponent notation.
pub fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn count(value: f64) -> String {
    // The median of an even number of counts may end in a half.
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

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (bytes, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (4096, "4 KiB"),
            (5000, "5000 B"),
            (64 << 20, "64 MiB"),
            (3 << 30, "3 GiB"),
        ] {
            assert_eq!(binary(bytes), text);
            assert_eq!(parse_bytes(text), Ok(bytes));
            assert_eq!(parse_bytes(&text.replace(' ', "")), Ok(bytes));
        }
        assert_eq!(parse_bytes("4096"), Ok(4096));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GiB", "-1", "1.5GiB", "1gb", "1 TiB", "1GiBx"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        for text in ["99999999999999999999", "17179869184GiB", "8589934592GiB"]
        {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
