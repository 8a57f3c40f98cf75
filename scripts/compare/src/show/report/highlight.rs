//! Sources as HTML, one piece per line.
//!
//! The lexer is rustc's own, so it knows every literal and every comment. The
//! rejected alternatives: `syntect`, which brings along a grammar, a regular
//! expression engine and an unmaintained encoder; and `proc-macro2`, whose
//! tokens omit the comments, which are half of what people read here.

use maud::{Markup, PreEscaped, html};
use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

/// The prefix of a remark about a line's own mechanism: the fifth point of the
/// siblings' contract.
const TAGS: [&str; 2] = ["// threads:", "// processes:"];

/// The strict keywords listed in the language reference, "Keywords".
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn",
    "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let",
    "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self",
    "Self", "static", "struct", "super", "trait", "true", "type", "unsafe",
    "use", "where", "while",
];

/// A part of a text, and the class that colours it; none for plain text.
type Span<'text> = (Option<&'static str>, &'text str);

/// The lines of a file, coloured if it is Rust.
pub fn lines(path: &str, text: &str) -> Vec<Markup> {
    let spans =
        if path.ends_with(".rs") { rust(text) } else { vec![(None, text)] };
    let mut lines = vec![String::new()];
    for (class, text) in spans {
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(&span(class, part).into_string());
            }
        }
    }
    if text.ends_with('\n') {
        lines.pop();
    }
    lines.into_iter().map(PreEscaped).collect()
}

fn span(class: Option<&str>, text: &str) -> Markup {
    html! {
        @match class {
            Some(class) if !text.is_empty() => span class=(class) { (text) },
            _ => (text),
        }
    }
}

fn rust(text: &str) -> Vec<Span<'_>> {
    let mut begin = 0;
    tokenize(text, FrontmatterAllowed::No)
        .map(|token| {
            let end = begin + token.len as usize;
            let part = &text[begin..end];
            begin = end;
            (class(token.kind, part), part)
        })
        .collect()
}

fn class(kind: TokenKind, text: &str) -> Option<&'static str> {
    use TokenKind::{BlockComment, Ident, Lifetime, LineComment, Literal};
    match kind {
        LineComment { .. } if is_tag(text) => Some("tag"),
        LineComment { .. } | BlockComment { .. } => Some("comment"),
        Ident if KEYWORDS.contains(&text) => Some("keyword"),
        Ident if text.starts_with(char::is_uppercase) => Some("type"),
        Lifetime { .. } => Some("type"),
        Literal { kind, .. } => Some(match kind {
            LiteralKind::Int { .. } | LiteralKind::Float { .. } => "figure",
            _ => "string",
        }),
        _ => None,
    }
}

fn is_tag(comment: &str) -> bool {
    TAGS.iter().any(|tag| comment.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coloured(text: &str) -> String {
        let lines = lines("main.rs", text).into_iter();
        lines.map(Markup::into_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_is_coloured_by_what_it_holds() {
        assert_eq!(
            coloured("let a = \"<b>\"; // sure\n"),
            "<span class=\"keyword\">let</span> a = \
             <span class=\"string\">\"&lt;b&gt;\"</span>; \
             <span class=\"comment\">// sure</span>"
                .replace("\"&lt;", "&quot;&lt;")
                .replace("&gt;\"", "&gt;&quot;")
        );
        let type_and_number = coloured("Some(12)");
        assert!(type_and_number.contains(r#"class="type""#));
        assert!(type_and_number.contains(r#"class="figure""#));
    }

    #[test]
    fn what_is_of_the_mechanism_is_set_apart() {
        for side in ["threads", "processes"] {
            let line = coloured(&format!("a(); // {side}: by hand"));
            assert!(line.contains("class=\"tag\""), "{line}");
        }
        assert!(!coloured("a(); // by hand").contains("class=\"tag\""));
    }

    #[test]
    fn a_comment_of_many_lines_is_closed_on_each() {
        for line in lines("main.rs", "/* one\n\ntwo */ fn") {
            let line = line.into_string();
            let count = |what| line.matches(what).count();
            assert_eq!(count("<span"), count("</span>"), "{line}");
        }
    }

    proptest! {
        /// Even if it is not Rust at all.
        #[test]
        fn no_line_is_lost_and_no_sign_gets_through(text in "[ -~\n]{0,90}") {
            let lines = lines("main.rs", &text);
            prop_assert_eq!(lines.len(), text.lines().count().max(
                usize::from(!text.ends_with('\n'))
            ));
            for line in lines {
                let bare = line.into_string();
                let spans = bare.matches("<span class=").count();
                prop_assert_eq!(bare.matches('<').count(), 2 * spans);
            }
        }
    }
}
