//! The unknown fields of a record, put together as one JSON object.

use crate::task::Extra;

#[derive(Default)]
pub(crate) struct UnknownFields {
    json: String,
    count: usize,
}

impl UnknownFields {
    /// How many unknown fields are kept of one record.
    pub(super) const MAX_FIELDS: usize = 64;
    /// How many bytes they may take.
    const MAX_BYTES: usize = 16 * 1024;
    /// In bytes: most records hold no more.
    const USUAL: usize = 128;

    /// Adds a field of a record, or of a part of it whose name is the `prefix`. False if there are too many.
    pub(crate) fn add(&mut self, prefix: &str, name: &str, json: &str) -> bool {
        let needs_escape = |byte: u8| matches!(byte, b'"' | b'\\' | ..=0x1F);
        let escaped = name.bytes().any(needs_escape).then(|| serde_json::Value::from(name).to_string());
        let name = escaped.as_deref().and_then(|name| name.strip_prefix('"')?.strip_suffix('"')).unwrap_or(name);
        let length = [prefix, name, json].iter().map(|part| part.len()).fold(self.json.len(), usize::saturating_add);
        if self.count >= Self::MAX_FIELDS || length > Self::MAX_BYTES {
            return false;
        }
        self.count = self.count.saturating_add(1);
        if self.json.is_empty() {
            self.json.reserve(Self::USUAL);
        }
        self.json.push_str(if self.json.is_empty() { "{\"" } else { ",\"" });
        self.json.push_str(prefix);
        self.json.push_str(name);
        self.json.push_str("\":");
        self.json.push_str(json);
        true
    }

    /// Adds those of a part of the record. False if there are too many.
    pub(crate) fn append(&mut self, part: &Self) -> bool {
        let Some(fields) = part.json.strip_prefix('{') else { return true };
        self.count = self.count.saturating_add(part.count);
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        self.json.push_str(fields);
        self.count <= Self::MAX_FIELDS && self.json.len() <= Self::MAX_BYTES
    }

    pub(crate) fn finish(mut self) -> Extra {
        if self.json.is_empty() {
            return Extra::default();
        }
        self.json.push('}');
        Extra::new(self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_kept_up_to_a_limit() {
        let mut unknown = UnknownFields::default();
        for number in 0..64 {
            assert!(unknown.add("", &number.to_string(), "1"), "{number}");
        }
        assert!(!unknown.add("", "one more", "1"));
        assert_eq!(unknown.finish().fields().len(), 64);
        let mut unknown = UnknownFields::default();
        assert!(unknown.add("", "a", &format!("\"{}\"", "x".repeat(16 * 1024 - 3))));
        assert!(!unknown.add("", "b", "1"));
        assert_eq!(unknown.finish().fields()["a"].len(), 16 * 1024 - 3);
        assert!(UnknownFields::default().finish().fields().is_empty());
    }

    #[test]
    fn last_of_several_unknown_fields_counts() {
        let fields = |values: &[&str]| {
            let mut unknown = UnknownFields::default();
            assert!(values.iter().all(|json| unknown.add("in.", "a", json)));
            unknown.finish().fields()
        };
        assert_eq!(fields(&["1", r#""\u0061 \n""#])["in.a"], "a \n");
        assert_eq!(fields(&["1", "[1, 2]"])["in.a"], "[1, 2]");
        assert_eq!(fields(&[r#""\ud83d""#])["in.a"], r#""\ud83d""#);
        for nothing in ["null", r#""""#, r#"" \t""#] {
            assert!(fields(&["true", nothing]).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn fields_of_a_part_are_appended() {
        let of = |names: &[&str]| {
            let mut unknown = UnknownFields::default();
            assert!(names.iter().all(|name| unknown.add("", name, "1")));
            unknown
        };
        for (record, part) in [(&["a", "b"][..], &["c"][..]), (&[], &["a", "b", "c"]), (&["a", "b", "c"], &[])] {
            let mut unknown = of(record);
            assert!(unknown.append(&of(part)));
            assert!(unknown.finish().fields().into_keys().eq(["a", "b", "c"]));
        }
        let many: Vec<_> = (0..33).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(!of(&many).append(&of(&many)));
    }

    #[test]
    fn any_name_is_kept() {
        for name in ["", "a b", "\"", "\\", "\n\t\r\0\u{7f}", "'", "é😀\"", "\u{2028}\\"] {
            let mut unknown = UnknownFields::default();
            assert!(unknown.add("", name, "1"));
            assert_eq!(unknown.finish().fields()[name], "1", "{name:?}");
        }
    }
}
