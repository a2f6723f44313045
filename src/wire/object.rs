//! The first step of lenient reading: a JSON object is cut into raw fields, whatever their types are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::field::{Field, Text};
use crate::spelling::is_same;

/// The fields of an object, in their order.
pub(crate) struct Object<'a> {
    /// Where it stands in the body. Empty for the body itself.
    path: &'a str,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    pub(crate) fn parse(json: &'a [u8], path: &'a str) -> serde_json::Result<Self> {
        let Fields(fields) = serde_json::from_slice(json)?;
        Ok(Self { path, fields })
    }

    /// The field of this name, the last of several. If there is none of exactly this name, or the last one is null: the last one
    /// whose name differs in case, `-` and `_` only. `None` if there is none either, or it is null.
    pub(crate) fn get(&self, name: &'a str) -> Option<Field<'a>> {
        let last = |fits: &dyn Fn(&str) -> bool| {
            let (_, raw) = self.fields.iter().rev().find(|(key, _)| fits(key))?;
            Field::new(self.path, name, raw.get())
        };
        last(&|key| key == name).or_else(|| last(&|key| key != name && is_same(key, name)))
    }

    /// All fields of this name that are not null: those of exactly this name first, of several the last one first.
    pub(crate) fn get_all(&self, name: &'a str) -> impl Iterator<Item = Field<'a>> {
        let all = |is_exact: bool| {
            let fits = move |key: &str| (key == name) == is_exact && (is_exact || is_same(key, name));
            self.fields.iter().rev().filter(move |(key, _)| fits(key))
        };
        all(true).chain(all(false)).filter_map(|(_, raw)| Field::new(self.path, name, raw.get()))
    }

    /// Whether there is a field of one of these names, be it null.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        self.fields.iter().any(|(key, _)| names.iter().any(|name| is_same(key, name)))
    }

    /// Name and JSON of each field that has none of these names.
    pub(crate) fn others<'b>(&'b self, known: &'b [&str]) -> impl Iterator<Item = (&'b str, &'a str)> {
        let fields = self.fields.iter().map(|(key, raw)| (&**key, raw.get()));
        fields.filter(|(key, _)| !known.iter().any(|name| is_same(key, name)))
    }
}

struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Cut)
    }
}

struct Cut;

impl<'de> Visitor<'de> for Cut {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(json: &str, name: &'static str) -> Option<String> {
        Object::parse(json.as_bytes(), "").unwrap().get(name).map(|field| field.json.to_owned())
    }

    #[test]
    fn exact_name_counts_before_a_similar_one() {
        for (json, value) in [
            (r#"{"task_id":1,"taskId":2,"TASKID":3}"#, Some("2")),
            (r#"{"taskId":1,"taskId":2}"#, Some("2")),
            (r#"{"taskId":1,"taskId":null}"#, None),
            (r#"{"taskId":null,"task_id":1}"#, Some("1")),
            (r#"{"task_id":1,"task-id":2}"#, Some("2")),
            (r#"{"task\u0049d":1}"#, Some("1")),
            (r#"{"taskIds":1}"#, None),
            ("{}", None),
        ] {
            assert_eq!(get(json, "taskId").as_deref(), value, "{json}");
        }
    }

    #[test]
    fn all_fields_of_a_name_come_best_first() {
        let json = br#"{"a_b":1,"aB":2,"AB":3,"aB":null,"ab":null,"aB":4,"b":5}"#;
        let object = Object::parse(json, "").unwrap();
        assert_eq!(object.get_all("aB").map(|field| field.json).collect::<Vec<_>>(), ["4", "2", "3", "1"]);
    }

    #[test]
    fn other_fields_have_none_of_the_names() {
        let object = Object::parse(br#"{"a":1,"A_":2,"b": [3] ,"c":null}"#, "").unwrap();
        assert_eq!(object.others(&["a", "d"]).collect::<Vec<_>>(), [("b", "[3]"), ("c", "null")]);
    }
}
