//! The line that a person types into.

/// A text with a cursor, which counts characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
}

impl Line {
    /// A text with the cursor after it.
    pub fn new(text: &str) -> Self {
        Line { text: text.into(), cursor: text.chars().count() }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor, and the text after it.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.byte(self.cursor))
    }

    /// Types at the cursor. It stays one line, whatever is pasted.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace(char::is_control, " ");
        self.text.insert_str(self.byte(self.cursor), &text);
        self.cursor += text.chars().count();
    }

    /// Deletes the character before the cursor.
    pub fn backspace(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.delete();
        }
    }

    /// Deletes the character at the cursor.
    pub fn delete(&mut self) {
        let place = self.byte(self.cursor);
        if place < self.text.len() {
            self.text.remove(place);
        }
    }

    /// Moves the cursor by this many characters, up to either end.
    pub fn go(&mut self, by: isize) {
        let end = self.text.chars().count();
        self.cursor = self.cursor.saturating_add_signed(by).min(end);
    }

    fn byte(&self, character: usize) -> usize {
        let mut places = self.text.char_indices().map(|(place, _)| place);
        places.nth(character).unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(line: &Line) -> [&str; 2] {
        line.halves().into()
    }

    #[test]
    fn is_typed_into_where_the_cursor_is() {
        let mut line = Line::new("SELECT 'ä'");
        line.go(-1);
        line.insert("ö");
        assert_eq!(halves(&line), ["SELECT 'äö", "'"]);
        line.backspace();
        line.backspace();
        assert_eq!(halves(&line), ["SELECT '", "'"]);
        line.delete();
        line.delete();
        assert_eq!(halves(&line), ["SELECT '", ""]);
    }

    #[test]
    fn has_two_ends() {
        let mut line = Line::new("ab");
        line.go(isize::MAX);
        assert_eq!(halves(&line), ["ab", ""]);
        line.go(isize::MIN);
        assert_eq!(halves(&line), ["", "ab"]);
        line.backspace();
        assert_eq!(line.text(), "ab");
    }

    #[test]
    fn stays_one_line() {
        let mut line = Line::default();
        line.insert("SELECT 1\r\n FROM t\u{1b}");
        assert_eq!(line.text(), "SELECT 1   FROM t ");
    }
}
