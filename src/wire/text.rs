//! Texts that the gateway wrote: blank ones, long ones, and ones that repeat the API key.

use std::borrow::Cow;

/// Whether a text is empty or white space only.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The start of a text, short enough for a log line.
pub(super) fn excerpt(text: &str) -> &str {
    const MAX_CHARS: usize = 300;
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| text.get(..end).unwrap_or_default()).trim()
}

/// Replaces the API key in a text. A `secret` shorter than any real key is left in: it may be an ordinary word.
pub(crate) fn redact<'a>(secret: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    const MIN_KEY_LEN: usize = 8;
    if secret.len() >= MIN_KEY_LEN && text.contains(secret) { text.replace(secret, "[key]").into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_redacted_wherever_it_stands() {
        assert_eq!(redact("secret-key", "no secret-key, secret-key".into()), "no [key], [key]");
        assert_eq!(redact("short", "a short word".into()), "a short word");
        assert_eq!(redact("", "nothing to hide".into()), "nothing to hide");
    }

    #[test]
    fn an_excerpt_ends_between_two_characters() {
        assert_eq!(excerpt(&"é".repeat(400)), "é".repeat(300));
        assert_eq!(excerpt(" two words "), "two words");
    }
}
