//! Texts from outside on one line: what could forge a line, or hide or reorder text, is escaped.

use std::fmt::{self, Write};

/// A text from the gateway, from a user or from another crate, as it is shown to people.
///
/// Escaped are control characters (line breaks and the escape of terminals among them), the line breaks of Unicode, invisible
/// characters, and those that change the direction of a text. All else stays as it is. It is cut after 1,000 characters.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

const MAX_CHARS: usize = 1000;

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= MAX_CHARS && self.0.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return f.write_str(self.0); // the usual text
        }
        write_escaped(f, self.0.chars().take(MAX_CHARS))?;
        if self.0.chars().nth(MAX_CHARS).is_some() { f.write_char('…') } else { Ok(()) }
    }
}

/// The same of a text that was a sentence of this crate before, which is not cut again.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a text cannot fail.
    write_escaped(&mut out, text.chars()).unwrap_or_default();
    out
}

fn write_escaped(out: &mut impl Write, chars: impl Iterator<Item = char>) -> fmt::Result {
    let mut chars = chars.peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        let joins = is_joiner(c) && before.is_some_and(is_joined) && chars.peek().copied().is_some_and(is_joined);
        if is_harmful(c) || is_joiner(c) && !joins {
            write!(out, "{}", c.escape_default())?;
        } else {
            out.write_char(c)?;
        }
        before = Some(c);
    }
    Ok(())
}

/// Whether it could forge a line, or hide or reorder text.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Line and paragraph separator.
            '\u{2028}' | '\u{2029}'
            // Changes of direction.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Invisible ones.
            | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

/// The (non-)joiners of width zero. Emoji and several scripts need them between two characters. Elsewhere they only hide.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_joined(c: char) -> bool {
    !c.is_ascii() && !is_harmful(c) && !is_joiner(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        OneLine(text).to_string()
    }

    #[test]
    fn line_breaks_and_terminal_escapes_are_escaped() {
        assert_eq!(shown("a\r\nWARN b\tc"), r"a\r\nWARN b\tc");
        assert_eq!(shown("\u{1b}[31mred\u{7f}\0"), r"\u{1b}[31mred\u{7f}\u{0}");
        assert_eq!(shown("\u{85}\u{9b}31m\u{2028}\u{2029}"), r"\u{85}\u{9b}31m\u{2028}\u{2029}");
    }

    #[test]
    fn direction_changes_and_invisible_characters_are_escaped() {
        for c in
            "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}".chars()
        {
            assert_eq!(shown(&format!("a{c}b")), format!(r"a\u{{{:x}}}b", u32::from(c)));
        }
        for c in "\u{200b}\u{feff}\u{ad}\u{2060}\u{180e}\u{e0001}\u{e0041}".chars() {
            assert_eq!(shown(&format!("م{c}م")), format!(r"م\u{{{:x}}}م", u32::from(c)));
        }
    }

    #[test]
    fn texts_of_all_scripts_stay_readable() {
        for text in [
            "Plain: ~!",
            "视频太暗了。",
            "الفيديو مظلم جدا",
            "می\u{200c}خواهم",
            "é e\u{301} ñ",
            "😀 👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn joiner_that_joins_nothing_is_escaped() {
        assert_eq!(shown("task\u{200d}1\u{200c}"), r"task\u{200d}1\u{200c}");
        assert_eq!(shown("é\u{200d}\u{200d}é"), r"é\u{200d}\u{200d}é");
        assert_eq!(shown("\u{200d}é"), r"\u{200d}é");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shown(&"é".repeat(1000)), "é".repeat(1000));
        assert_eq!(shown(&"é".repeat(1001)), format!("{}…", "é".repeat(1000)));
        assert_eq!(shown(&"a".repeat(2000)), format!("{}…", "a".repeat(1000)));
    }
}
