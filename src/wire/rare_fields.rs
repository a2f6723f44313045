//! What few records hold: fields that nothing else of this crate reads, and fields that cannot be read.

use std::collections::BTreeMap;

use super::field::unescaped;
use super::text::is_blank;
use crate::task::UnreadableField;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RareFields {
    /// Unknown fields by name. A text is kept as it is, any other value as its JSON.
    pub(crate) extra: BTreeMap<String, String>,
    /// The bytes in `extra`.
    extra_len: usize,
    pub(crate) unreadable: Vec<UnreadableField>,
    /// Why the task failed, if it did and the record's usual field does not say it.
    pub(crate) reason: Option<String>,
    /// Why this is no record, unless the answer's code decides.
    pub(crate) fatal: Option<UnreadableField>,
}

impl RareFields {
    /// How many unknown fields are kept of one record.
    const MAX_FIELDS: usize = 64;
    /// How many bytes their names and their JSON may take.
    const MAX_BYTES: usize = 16 * 1024;
    /// How many unreadable fields are listed.
    const MAX_UNREADABLE: usize = 64;

    /// Keeps an unknown field. The last of several with one name counts; null and blank texts are left out. False if there are too
    /// many.
    pub(crate) fn keep(&mut self, name: String, json: &str) -> bool {
        let value = if json.starts_with('"') { unescaped(json) } else { json.into() };
        if json == "null" || is_blank(&value) {
            self.extra.remove(&name);
            return true;
        }
        let extra_len = self.extra_len.saturating_add(name.len()).saturating_add(json.len());
        if extra_len > Self::MAX_BYTES || self.extra.len() >= Self::MAX_FIELDS {
            return false;
        }
        self.extra_len = extra_len;
        self.extra.insert(name, value.into_owned());
        true
    }

    /// Lists an unreadable field.
    pub(crate) fn list(&mut self, field: UnreadableField) {
        match self.unreadable.len() {
            Self::MAX_UNREADABLE => self.unreadable.push(UnreadableField::new("data", "holds more such fields")),
            listed if listed > Self::MAX_UNREADABLE => {}
            _ => self.unreadable.push(field),
        }
    }

    pub(crate) fn list_all(&mut self, fields: Vec<UnreadableField>) {
        for field in fields {
            self.list(field);
        }
    }

    /// The value of a field that decides nothing: absent and listed if it cannot be read.
    pub(crate) fn or_list<T>(&mut self, read: Result<Option<T>, UnreadableField>) -> Option<T> {
        read.unwrap_or_else(|unreadable| {
            self.list(unreadable);
            None
        })
    }

    /// Lists that unknown fields were dropped.
    pub(crate) fn list_dropped(&mut self) {
        let limit = format!("holds more unknown fields than are kept ({} fields, 16 KiB)", Self::MAX_FIELDS);
        self.list(UnreadableField::new("data", limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_kept_up_to_a_limit() {
        let mut rare = RareFields::default();
        for number in 0..64 {
            assert!(rare.keep(number.to_string(), "1"), "{number}");
        }
        assert!(!rare.keep("one more".to_owned(), "1"));
        let mut rare = RareFields::default();
        assert!(rare.keep("a".to_owned(), &format!("\"{}\"", "x".repeat(16 * 1024 - 3))));
        assert!(!rare.keep("b".to_owned(), "1"));
        assert_eq!(rare.extra["a"].len(), 16 * 1024 - 3);
    }

    #[test]
    fn last_of_several_unknown_fields_counts() {
        let mut rare = RareFields::default();
        for json in ["1", r#""\u0061 \n""#, "[1, 2]"] {
            assert!(rare.keep("a".to_owned(), json));
        }
        assert_eq!(rare.extra["a"], "[1, 2]");
        for nothing in ["null", r#""""#, r#"" \t""#] {
            assert!(rare.keep("a".to_owned(), "true") && rare.keep("a".to_owned(), nothing));
            assert!(rare.extra.is_empty(), "{nothing}");
        }
    }

    #[test]
    fn list_of_unreadable_fields_ends() {
        let mut rare = RareFields::default();
        (0..200).for_each(|number| rare.list(UnreadableField::new(format!("data[{number}]"), "is 7")));
        assert_eq!(rare.unreadable.len(), 65);
        assert_eq!(rare.unreadable[63].path(), "data[63]");
        assert_eq!(rare.unreadable[64].reason(), "holds more such fields");
    }
}
