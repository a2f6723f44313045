//! How freely names, ids and texts are spelled: what counts as the same, and which words stand for nothing.

/// Whether two names or ids differ at most in ASCII case and in `-` and `_`.
#[inline]
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    // Nearly all names that differ do so in their first letter.
    if let (Some(a), Some(b)) = (one.as_bytes().first(), other.as_bytes().first()) {
        if a | 0x20 != b | 0x20 && a.is_ascii_alphabetic() && b.is_ascii_alphabetic() {
            return false;
        }
    }
    one == other || has_same_letters(one, other)
}

/// Whether this is a quotation mark, of a keyboard or of a word processor.
pub(crate) const fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '´' | '«' | '»' | '‹' | '›' | '\u{2018}'..='\u{201f}')
}

/// Names of fields, without `-` and `_`, with a quick way to say that another name is none of them.
pub(crate) struct KnownNames<const N: usize> {
    names: [&'static str; N],
    ends: [u16; N],
}

impl<const N: usize> KnownNames<N> {
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // runs at compile time
    pub(crate) const fn new(names: [&'static str; N]) -> Self {
        let mut all = [0; N];
        let mut at = 0;
        while at < N {
            all[at] = ends(names[at].as_bytes());
            at += 1;
        }
        Self { names, ends: all }
    }

    /// Whether a name is the same as one of these.
    #[inline]
    pub(crate) fn has(&self, name: &str) -> bool {
        // Nearly all names that differ do so in their first or last letter.
        let ends = ends(name.as_bytes());
        self.ends.contains(&ends) && self.has_same(name)
    }

    fn has_same(&self, name: &str) -> bool {
        let letters = name.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).count();
        self.names.iter().any(|known| known.len() == letters && has_same_letters(name, known))
    }
}

/// The first and the last letter, in small letters, and without `-` and `_` around them.
const fn ends(mut name: &[u8]) -> u16 {
    while let [b'-' | b'_', rest @ ..] | [rest @ .., b'-' | b'_'] = name {
        name = rest;
    }
    match name {
        [] => 0,
        [only] => u16::from_le_bytes([only.to_ascii_lowercase(); 2]),
        [first, .., last] => u16::from_le_bytes([first.to_ascii_lowercase(), last.to_ascii_lowercase()]),
    }
}

fn has_same_letters(one: &str, other: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> + '_ {
        text.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

/// Whether a text stands for "nothing": blank, or a word that programs write for an absent value.
pub(crate) fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 5] = ["null", "none", "nil", "undefined", "n/a"];
    let is_visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let is_trimmed = is_visible(text.as_bytes().first()) && is_visible(text.as_bytes().last());
    let word = if is_trimmed { text } else { text.trim() };
    match word.len() {
        0 => true,
        // The lengths of the words: most texts are longer.
        3 | 4 | 9 => WORDS.iter().any(|nothing| word.eq_ignore_ascii_case(nothing)),
        _ => false,
    }
}

/// Whether a text says why something failed. "success" does not: the gateway writes it for failed tasks too.
pub(crate) fn is_reason(text: &str) -> bool {
    !is_placeholder(text) && !text.trim().eq_ignore_ascii_case("success")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_dashes_do_not_tell_names_apart() {
        for (one, other) in [("taskId", "task_id"), ("taskId", "TASKID"), ("a-b_c", "ABC"), ("", ""), ("é", "é")] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
        for (one, other) in [("taskId", "taskIds"), ("a", ""), ("a b", "ab"), ("é", "É"), ("a.b", "ab")] {
            assert!(!is_same(one, other) && !is_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn known_names_are_known_however_they_are_spelled() {
        const NAMES: KnownNames<4> = KnownNames::new(["taskId", "msg", "a", ""]);
        for name in ["taskId", "task_id", "_TASK-ID-", "msg", "MSG", "m_s_g", "A", "_a_", "-", "_", ""] {
            assert!(NAMES.has(name), "{name}");
        }
        for name in ["taskIds", "tid", "ms", "message", "b", "aa", "é"] {
            assert!(!NAMES.has(name), "{name}");
        }
    }

    #[test]
    fn words_for_nothing_are_placeholders() {
        for text in ["", " \t\n", "null", "NULL", " None ", "nil", "undefined", "Undefined\n", "N/A", "\u{a0}"] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["0", "-", "no", "nullable", "none of them", "success", "false", "undefined!", "  a long text"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
        assert!(is_placeholder("               null               "));
    }
}
