//! Arguments as typed in a shell.

/// A line that a shell splits into these arguments again.
pub fn line(arguments: &[String]) -> String {
    let quoted = arguments.iter().map(|argument| quoted(argument));
    quoted.collect::<Vec<_>>().join(" ")
}

/// In single quotes, only the quote itself is special. A control character
/// would disturb the display: it is written as in `$'\n'`, which bash and zsh
/// understand.
fn quoted(argument: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_alphanumeric() || "%+,-./:=@_^".contains(letter)
    };
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    if argument.chars().any(char::is_control) {
        return format!("$'{}'", escaped(argument));
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

fn escaped(argument: &str) -> String {
    let escape = |letter: char| match letter {
        '\\' | '\'' => format!("\\{letter}"),
        letter if letter.is_control() => {
            let code = letter as u32;
            format!("\\u{code:04x}")
        }
        letter => letter.to_string(),
    };
    argument.chars().map(escape).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// The arguments that bash makes of a line.
    fn taken_apart(line: &str) -> Vec<String> {
        let script = format!("printf '%s\\0' {line}");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("LC_ALL", "C.UTF-8");
        let output = bash.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text.split_terminator('\0');
        words.map(str::to_owned).collect()
    }

    #[test]
    fn what_is_plain_stays_plain() {
        let line = line(&["--quick", "--json=a/b.json"].map(String::from));
        assert_eq!(line, "--quick --json=a/b.json");
    }

    #[test]
    fn a_shell_reads_what_was_typed() {
        for argument in [
            "",
            " ",
            "two words",
            "it's",
            "$(ls)",
            "`ls`",
            "a;b",
            "*",
            "~",
            "#",
            "\\",
            "a\nb",
            "\u{1b}[2J'",
            "\u{85}",
            "ä",
            "!x",
            "{a,b}",
        ] {
            let arguments = ["--json", argument].map(String::from);
            let line = line(&arguments);
            assert_eq!(taken_apart(&line), arguments, "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_argument_comes_through(argument in "[^\0]{0,20}") {
            let arguments = ["--json".to_owned(), argument];
            prop_assert_eq!(taken_apart(&line(&arguments)), arguments);
        }
    }
}
