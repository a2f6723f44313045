//! What few records hold: fields that cannot be read, and a reason in an unusual place.

use super::unknown_fields::UnknownFields;
use crate::task::UnreadableField;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RareFields {
    pub(crate) unreadable: Vec<UnreadableField>,
    /// Why the task failed, if it did and the record's usual field does not say it.
    pub(crate) reason: Option<String>,
    /// Why this is no record, unless the answer's code decides.
    pub(crate) fatal: Option<UnreadableField>,
}

impl RareFields {
    /// How many unreadable fields are listed.
    pub(super) const MAX_UNREADABLE: usize = 64;

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
        let limit = format!("holds more unknown fields than are kept ({} fields, 16 KiB)", UnknownFields::MAX_FIELDS);
        self.list(UnreadableField::new("data", limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_unreadable_fields_ends() {
        let mut rare = RareFields::default();
        (0..200).for_each(|number| rare.list(UnreadableField::new(format!("data[{number}]"), "is 7")));
        assert_eq!(rare.unreadable.len(), 65);
        assert_eq!(rare.unreadable[63].path(), "data[63]");
        assert_eq!(rare.unreadable[64].reason(), "holds more such fields");
    }
}
