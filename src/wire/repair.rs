//! Mends what is nearly JSON: control characters, broken escapes and bytes that are not UTF-8 in texts, and words such as `NaN`.

/// Mends a body that is not JSON because of
/// - bytes that are not UTF-8: each becomes U+FFFD,
/// - a control character in a text: it is escaped, or becomes U+FFFD if it is none of white space,
/// - half a surrogate pair, or an escape that JSON does not know: U+FFFD, and a plain backslash,
/// - `NaN`, `Infinity`, `undefined` or `None` as a value: null.
///
/// `None` if there is none of these. The result need not be JSON: nothing else is mended. JSON is never changed. Takes time in
/// proportion to the length.
pub(crate) fn repair(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((before, quote)) = split_before(rest, |c| c == '"') {
        outside(before, &mut mended);
        mended.push('"');
        rest = inside(quote.get(1..).unwrap_or_default(), &mut mended);
    }
    outside(rest, &mut mended);
    (mended.as_bytes() != body).then_some(mended)
}

fn split_before(text: &str, stop: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    text.find(stop).and_then(|at| text.split_at_checked(at))
}

/// Copies what stands outside of texts, with null for words that stand for no number.
fn outside(mut rest: &str, mended: &mut String) {
    const WORDS: [&str; 5] = ["nan", "infinity", "inf", "undefined", "none"];
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    while let Some((before, word)) = split_before(rest, is_word) {
        let (word, after) = split_before(word, |c| !is_word(c)).unwrap_or((word, ""));
        mended.push_str(before);
        let name = word.trim_start_matches(['-', '+']);
        let is_none = WORDS.iter().any(|none| name.eq_ignore_ascii_case(none));
        mended.push_str(if is_none { "null" } else { word });
        rest = after;
    }
    mended.push_str(rest);
}

/// Copies a text from behind its opening quote up to and with its closing one. Returns what follows.
fn inside<'a>(mut rest: &'a str, mended: &mut String) -> &'a str {
    while let Some((plain, special)) = split_before(rest, |c| matches!(c, '"' | '\\' | '\0'..='\x1f')) {
        mended.push_str(plain);
        let mut after = special.chars();
        match after.next() {
            Some('"') => {
                mended.push('"');
                return after.as_str();
            }
            Some('\\') => {
                rest = escape(after.as_str(), mended);
                continue;
            }
            Some('\n') => mended.push_str("\\n"),
            Some('\r') => mended.push_str("\\r"),
            Some('\t') => mended.push_str("\\t"),
            _ => mended.push(char::REPLACEMENT_CHARACTER),
        }
        rest = after.as_str();
    }
    mended.push_str(rest);
    ""
}

/// Copies an escape from behind its backslash. Returns what follows.
fn escape<'a>(rest: &'a str, mended: &mut String) -> &'a str {
    let mut after = rest.chars();
    match after.next() {
        Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            mended.push('\\');
            mended.push(known);
            after.as_str()
        }
        Some('u') => match (hex(rest), rest.split_at_checked(5)) {
            (Some(0xD800..=0xDBFF), Some((high, after))) => {
                let low = after.strip_prefix('\\').and_then(|low| Some((hex(low)?, low.split_at_checked(5)?)));
                if let Some((0xDC00..=0xDFFF, (low, after))) = low {
                    mended.extend(["\\", high, "\\", low]);
                    return after;
                }
                mended.push(char::REPLACEMENT_CHARACTER);
                after
            }
            (Some(0xDC00..=0xDFFF), Some((_, after))) => {
                mended.push(char::REPLACEMENT_CHARACTER);
                after
            }
            (Some(_), Some((escape, after))) => {
                mended.extend(["\\", escape]);
                after
            }
            _ => plain_backslash(rest, mended),
        },
        _ => plain_backslash(rest, mended),
    }
}

fn plain_backslash<'a>(rest: &'a str, mended: &mut String) -> &'a str {
    mended.push_str("\\\\");
    rest
}

/// The number in `uXXXX`.
fn hex(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::{Value, from_str};

    use super::*;

    #[test]
    fn what_is_nearly_json_becomes_json() {
        let cases: [(&[u8], &str); 16] = [
            (b"{\"a\":\"x\ny\tz\r\"}", r#"{"a":"x\ny\tz\r"}"#),
            (b"{\"a\":\"x\x01\x00\x1f\"}", "{\"a\":\"x\u{fffd}\u{fffd}\u{fffd}\"}"),
            (b"{\"a\":\"caf\xe9\"}", "{\"a\":\"caf\u{fffd}\"}"),
            (b"{\"a\xff\":1}", "{\"a\u{fffd}\":1}"),
            (br#"{"a":"\ud83d"}"#, "{\"a\":\"\u{fffd}\"}"),
            (br#"{"a":"\ude00 \ud83dx"}"#, "{\"a\":\"\u{fffd} \u{fffd}x\"}"),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#, "{\"a\":\"\u{fffd}\\ud83d\\ude00\"}"),
            (br#"{"a":"\ud83d\n"}"#, "{\"a\":\"\u{fffd}\\n\"}"),
            (br#"{"a":"it\'s \x41 \u00g0 \u12"}"#, r#"{"a":"it\\'s \\x41 \\u00g0 \\u12"}"#),
            (br#"{"a":NaN,"b":-Infinity,"c":[Infinity,nan]}"#, r#"{"a":null,"b":null,"c":[null,null]}"#),
            (br#"{"a":undefined,"b":None,"c": inf }"#, r#"{"a":null,"b":null,"c": null }"#),
            (b"{\"a\":\"NaN\n\",\"b\":NaN}", r#"{"a":"NaN\n","b":null}"#),
            (b"{\"\n\":1}", r#"{"\n":1}"#),
            (b"{\"a\":\"\\\n\"}", r#"{"a":"\\\n"}"#),
            (b"[NaN,\"\xf0\x9f\x98\",2]", "[null,\"\u{fffd}\",2]"),
            (b"{\"a\":\"\x7f\n\"}", "{\"a\":\"\x7f\\n\"}"),
        ];
        for (body, mended) in cases {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(repair(body).as_deref(), Some(mended), "{shown}");
            assert!(from_str::<Value>(mended).is_ok(), "{shown}");
        }
    }

    #[test]
    fn what_is_far_from_json_stays() {
        for body in ["", "<html>", "{\"a\":", "{\"a\":\"x", "{\"a\":tru}", "{\"a\":nano,\"b\":-1e5}", "[1,]"] {
            assert_eq!(repair(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn json_is_never_changed(texts in prop::collection::vec(any::<String>(), 0..6), number in any::<f64>(), ascii in any::<bool>()) {
            let json = serde_json::json!({"texts": texts, "number": number, "nested": [{"a": null, "b": [true, false]}]}).to_string();
            let escaped = |c: char| {
                let mut units = [0; 2];
                let escapes: Vec<_> = c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
                escapes.concat()
            };
            let plain = |c: char| if ascii && !c.is_ascii() { escaped(c) } else { c.to_string() };
            let json: String = json.chars().map(plain).collect();
            prop_assert_eq!(repair(json.as_bytes()), None);
        }

        #[test]
        fn any_bytes_are_mended_once(body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            prop::collection::vec(prop::sample::select(vec![
                "\"", "\\", "u", "\\ud83d", "\\ude00", "d8", "NaN", "-", "Infinity", "{", "}", ":", ",", "\n", "\x01", "é", "0",
            ]), 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        ]) {
            if let Some(mended) = repair(&body) {
                prop_assert!(mended.len() <= body.len().saturating_mul(4));
                prop_assert_eq!(repair(mended.as_bytes()), None);
            }
        }
    }
}
