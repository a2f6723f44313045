//! The unknown fields of a record, kept as one text, because most are never looked at.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::spelling::is_same;

/// A JSON object as text. Empty if there are no fields.
#[derive(Clone, Default)]
pub(crate) struct Extra(String);

impl Extra {
    /// From the text of a JSON object.
    pub(crate) fn new(json: impl Into<String>) -> Self {
        Self(json.into())
    }

    /// From names and texts.
    pub(crate) fn from_fields(fields: &BTreeMap<String, String>) -> Self {
        if fields.is_empty() {
            return Self::default();
        }
        // A map of texts: writing it cannot fail.
        Self::new(serde_json::to_string(fields).unwrap_or_default())
    }

    pub(crate) fn json(&self) -> &str {
        &self.0
    }

    /// The last of several fields with one name counts; null and blank texts are left out.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(&self.0).unwrap_or_default();
        let texts = fields.into_iter().filter(|(_, json)| json.get() != "null").map(|(name, json)| {
            // A text whose escapes are broken stays as it is written.
            let text = serde_json::from_str(json.get()).unwrap_or_else(|_| json.get().to_owned());
            (name, text)
        });
        texts.filter(|(_, text)| !text.trim().is_empty()).collect()
    }

    /// Only how far the task is.
    pub(super) fn progress(&self) -> Self {
        let mut fields = self.fields();
        fields.retain(|name, _| is_same(name, "progress") || is_same(name, "response.progress"));
        Self::from_fields(&fields)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty() || self.fields().is_empty()
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.fields() == other.fields()
    }
}

impl Eq for Extra {}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.fields(), f)
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Self::from_fields(&fields))
    }
}
