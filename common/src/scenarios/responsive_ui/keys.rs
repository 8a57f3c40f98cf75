//! Parses what a terminal sends into keys and pastes.
//!
//! Crossterm could do it as well, but it waits while it reads: for the rest of
//! a paste; and on a terminal that is gone, it takes the end of file for
//! "nothing yet" and retries forever. Here bytes are added as they come, and
//! whatever is complete is an input.

use std::str;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::Input;

const ESCAPE: u8 = 0x1b;

/// The end of a paste. The start is the same with a 0 as last digit.
const END_OF_PASTE: &[u8] = b"\x1b[201~";

/// The bytes that came and are not yet an input.
#[derive(Debug, Default)]
pub struct Keys {
    bytes: Vec<u8>,
    is_pasting: bool,
}

/// What the first bytes mean: their number, and the key, if the program knows
/// it.
type First = (usize, Option<KeyEvent>);

impl Keys {
    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete input. A long paste is several inputs.
    pub fn next(&mut self) -> Option<Input> {
        while !self.is_pasting {
            let (length, key) = first(&self.bytes)?;
            self.is_pasting = self.bytes.starts_with(b"\x1b[200~");
            self.bytes.drain(..length);
            if let Some(key) = key {
                return Some(Input::Key(key));
            }
        }
        self.pasted()
    }

    /// Nothing more came: an escape byte, which other keys start with, was the
    /// Escape key.
    pub fn pause(&mut self) -> Option<Input> {
        let was_escape = !self.is_pasting && self.bytes == [ESCAPE];
        was_escape.then(|| {
            self.bytes.clear();
            Input::Key(KeyCode::Esc.into())
        })
    }

    /// A paste up to its end, or up to a point where neither the end mark nor a
    /// character can be split.
    fn pasted(&mut self) -> Option<Input> {
        let mark = END_OF_PASTE.len();
        let end = self.bytes.windows(mark).position(|it| it == END_OF_PASTE);
        let safe = end.unwrap_or_else(|| {
            let longest = self.bytes.len().saturating_sub(mark);
            let is_first = |place: &usize| {
                self.bytes.get(*place).is_none_or(|it| it & 0xc0 != 0x80)
            };
            (0..=longest).rev().find(is_first).unwrap_or(0)
        });
        let text = String::from_utf8_lossy(&self.bytes[..safe]).into_owned();
        self.is_pasting = end.is_none();
        self.bytes.drain(..end.map_or(safe, |end| end + mark));
        (!self.is_pasting || safe > 0).then_some(Input::Paste(text))
    }
}

fn first(bytes: &[u8]) -> Option<First> {
    match bytes {
        [] | [ESCAPE] | [ESCAPE, b'O'] => None,
        [ESCAPE, b'[', rest @ ..] => sequence(rest),
        [ESCAPE, b'O', last, ..] => Some((3, key(&[], *last))),
        [ESCAPE, ..] => Some((1, Some(KeyCode::Esc.into()))),
        [byte @ 0..0x20 | byte @ 0x7f, ..] => Some((1, control(*byte))),
        _ => letter(bytes),
    }
}

/// A control sequence (ECMA-48, 5.4): parameters, and a final byte.
fn sequence(rest: &[u8]) -> Option<First> {
    let length = rest.iter().position(|it| !(0x20..0x40).contains(it))?;
    match rest[length] {
        last @ 0x40..0x7f => Some((3 + length, key(&rest[..length], last))),
        // It was cut off by a byte that cannot be part of one.
        _ => Some((2 + length, None)),
    }
}

/// The sequences of xterm and similar terminals. Shift and other modifiers are
/// in a second parameter, which is ignored here.
fn key(parameters: &[u8], last: u8) -> Option<KeyEvent> {
    let number = parameters.split(|it| *it == b';').next().unwrap_or_default();
    let code = match (last, number) {
        (b'A', _) => KeyCode::Up,
        (b'B', _) => KeyCode::Down,
        (b'C', _) => KeyCode::Right,
        (b'D', _) => KeyCode::Left,
        (b'H', _) | (b'~', b"1" | b"7") => KeyCode::Home,
        (b'F', _) | (b'~', b"4" | b"8") => KeyCode::End,
        (b'Z', _) => KeyCode::BackTab,
        (b'~', b"3") => KeyCode::Delete,
        (b'~', b"5") => KeyCode::PageUp,
        (b'~', b"6") => KeyCode::PageDown,
        (b'~', b"21") => KeyCode::F(10),
        _ => return None,
    };
    Some(code.into())
}

fn control(byte: u8) -> Option<KeyEvent> {
    match byte {
        b'\r' => Some(KeyCode::Enter.into()),
        b'\t' => Some(KeyCode::Tab.into()),
        0x08 | 0x7f => Some(KeyCode::Backspace.into()),
        0x01..=0x1a => {
            let letter = KeyCode::Char(char::from(byte | 0x60));
            Some(KeyEvent::new(letter, KeyModifiers::CONTROL))
        }
        _ => None,
    }
}

/// A character in UTF-8. A byte that belongs to none is passed over.
fn letter(bytes: &[u8]) -> Option<First> {
    let longest = &bytes[..bytes.len().min(4)];
    let valid = longest.utf8_chunks().next()?.valid();
    match valid.chars().next() {
        Some(letter) => {
            Some((letter.len_utf8(), Some(KeyCode::Char(letter).into())))
        }
        // Without a length of the error, the rest is yet to come.
        None => str::from_utf8(longest).err()?.error_len().map(|_| (1, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs from bytes that arrive in pieces of this size.
    fn read(bytes: &[u8], at_a_time: usize) -> Vec<Input> {
        let mut keys = Keys::default();
        let mut inputs = Vec::new();
        for part in bytes.chunks(at_a_time) {
            keys.add(part);
            inputs.extend(std::iter::from_fn(|| keys.next()));
        }
        inputs.extend(keys.pause());
        inputs
    }

    fn key(code: KeyCode) -> Input {
        Input::Key(code.into())
    }

    #[test]
    fn keys_are_the_same_however_they_are_cut() {
        let control = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
        let expected = [
            key(KeyCode::Char('a')),
            key(KeyCode::Char('ä')),
            key(KeyCode::Char('表')),
            key(KeyCode::Char('🦀')),
            key(KeyCode::Up),
            key(KeyCode::Down),
            key(KeyCode::Right),
            key(KeyCode::PageUp),
            key(KeyCode::F(10)),
            key(KeyCode::BackTab),
            key(KeyCode::Home),
            key(KeyCode::Enter),
            key(KeyCode::Tab),
            key(KeyCode::Backspace),
            Input::Key(control),
            key(KeyCode::Esc),
            key(KeyCode::Esc),
        ];
        // Of those in the middle no key is known: F1, F5, and a stray byte.
        let bytes = "aä表🦀\x1b[A\x1bOB\x1b[1;5C\x1b[5~\x1b[21~\x1b[Z\x1b[H\
                     \r\t\x7f\x1bOP\x1b[15~\x11\x1b\x1b";
        for at_a_time in 1..=bytes.len() {
            assert_eq!(read(bytes.as_bytes(), at_a_time), expected);
        }
    }

    #[test]
    fn a_paste_is_the_same_however_it_is_cut() {
        let text = "SELECT 'größer', '表',\x1b[A \x1b[20 \r\n".repeat(9);
        let bytes = format!("x\x1b[200~{text}\x1b[201~y");
        for at_a_time in 1..=bytes.len() {
            let inputs = read(bytes.as_bytes(), at_a_time);
            let mut pasted = String::new();
            for input in &inputs {
                match input {
                    Input::Paste(text) => pasted += text,
                    other => assert!(
                        [key(KeyCode::Char('x')), key(KeyCode::Char('y'))]
                            .contains(other)
                    ),
                }
            }
            assert_eq!(pasted, text);
            assert_eq!(inputs.first(), Some(&key(KeyCode::Char('x'))));
            assert_eq!(inputs.last(), Some(&key(KeyCode::Char('y'))));
        }
    }

    #[test]
    fn what_nobody_knows_is_passed_over() {
        for bytes in [
            &b"\xff\xfeq"[..],
            b"\x80q",
            b"\xc3(q",
            b"\x1b[999;9Xq",
            b"\x1b[<0;1;1Mq",
            b"\x00\x1c\x1fq",
        ] {
            let last = read(bytes, 1).pop();
            assert_eq!(last, Some(key(KeyCode::Char('q'))), "{bytes:?}");
        }
    }

    /// Half a sequence does not take the next key along.
    #[test]
    fn a_sequence_that_is_cut_ends_with_it() {
        let quit = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(read(b"\x1b[\x11", 1), [Input::Key(quit)]);
    }
}
