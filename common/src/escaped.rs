//! Untrusted text, made safe to print: the name of a file, a table or a column,
//! a value, an address, a machine's description of itself.
//!
//! A terminal obeys control characters from any source: a column's name could
//! clear the screen, and a line break in it could forge a line of our output.
//! So [`Escaped`] escapes each name when it becomes part of a text, and
//! [`EscapedLines`] escapes every text when it leaves the program. Both leave
//! escaped text unchanged.

use std::{
    ffi::OsStr,
    fmt::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
};

/// An untrusted name, on one line: a string or a path.
#[derive(Debug)]
pub struct Escaped<'a, T: ?Sized>(pub &'a T);

impl<T: AsRef<OsStr> + ?Sized> fmt::Display for Escaped<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_ref().as_bytes().utf8_chunks() {
            for letter in chunk.valid().chars() {
                if is_obeyed(letter) {
                    write!(formatter, "{}", letter.escape_debug())?;
                } else {
                    formatter.write_char(letter)?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Our own text, which may contain untrusted text. Line breaks are kept.
#[derive(Debug)]
pub struct EscapedLines<'a>(pub &'a str);

impl fmt::Display for EscapedLines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.split('\n').enumerate() {
            if index > 0 {
                formatter.write_char('\n')?;
            }
            write!(formatter, "{}", Escaped(line))?;
        }
        Ok(())
    }
}

/// The same JSON document, without characters in its strings that a terminal
/// obeys. Those that JSON itself requires to be escaped already are.
pub fn escaped_json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    for letter in document.chars() {
        if is_obeyed(letter) && letter > '\u{7e}' {
            escaped += &format!("\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Whether a terminal acts on this character instead of showing it: control
/// characters, and those that change the direction of the text.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_obeyed_is_written_out() {
        let name = "a\u{1b}[2J\n\r\0\u{7f}\u{9b}31m\u{202e}b";
        let shown = r"a\u{1b}[2J\n\r\0\u{7f}\u{9b}31m\u{202e}b";
        assert_eq!(Escaped(name).to_string(), shown);
        let lines = "a\u{1b}[2J\nb\n";
        assert_eq!(EscapedLines(lines).to_string(), "a\\u{1b}[2J\nb\n");
    }

    #[test]
    fn what_is_not_text_is_written_in_bytes() {
        let path = Path::new(OsStr::from_bytes(b"/caf\xe9/x\xff.sqlite"));
        assert_eq!(Escaped(path).to_string(), r"/caf\xe9/x\xff.sqlite");
    }

    #[test]
    fn what_is_harmless_stays() {
        for name in ["it's \"a\" \\ b", "e\u{301}té", "日本 👩\u{200d}🚀"]
        {
            assert_eq!(Escaped(name).to_string(), name);
            assert_eq!(EscapedLines(name).to_string(), name);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_obeyed(bytes: Vec<u8>, text: String) {
            for name in [OsStr::from_bytes(&bytes), OsStr::new(&text)] {
                let shown = Escaped(name).to_string();
                prop_assert!(!shown.contains(is_obeyed), "{shown:?}");
                prop_assert_eq!(Escaped(&shown).to_string(), shown);
            }
        }

        #[test]
        fn json_is_the_same_document(text: String) {
            let shown = escaped_json(&serde_json::to_string(&text)?);
            prop_assert!(!shown.contains(is_obeyed), "{shown:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&shown)?, text);
        }
    }
}
