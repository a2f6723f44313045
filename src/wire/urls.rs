//! URLs in a field: a list, one alone, or objects with a URL in them.

use serde_json::value::RawValue;

use super::field::{Field, items, type_error, unescaped};
use super::object::Object;
use crate::spelling::is_placeholder;
use crate::task::UnreadableField;

/// Under which names an object holds a URL, best first.
const NAMES: [&str; 6] = ["resultUrl", "resultVideoUrl", "videoUrl", "url", "resultImageUrl", "imageUrl"];

impl Field<'_> {
    /// The URLs in a list of texts or of objects such as `{"url": …}`, in one text or object, or in a text that holds any of these
    /// as JSON. An entry that cannot be read goes to `unreadable`; the others count.
    pub(crate) fn urls(self, unreadable: &mut Vec<UnreadableField>) -> Vec<String> {
        self.urls_that(&|_| true, unreadable)
    }

    /// The same, without those that do not `count`: of the URLs in an object, the best one that counts.
    pub(crate) fn urls_that(self, count: &dyn Fn(&str) -> bool, unreadable: &mut Vec<UnreadableField>) -> Vec<String> {
        let Some(text) = self.text() else { return Vec::new() };
        let json = text.trim();
        let urls = match json.as_bytes().first() {
            Some(b'[') => items(json).map(|items| self.urls_of(&items, count, unreadable)),
            Some(b'{') => url(json, count).ok().map(|url| url.into_iter().collect()),
            _ => self.is_text().then(|| Some(text.clone().into_owned()).filter(|url| count(url)).into_iter().collect()),
        };
        urls.unwrap_or_else(|| {
            unreadable.push(self.type_error("a list"));
            Vec::new()
        })
    }

    fn urls_of(
        &self,
        items: &[&RawValue],
        count: &dyn Fn(&str) -> bool,
        unreadable: &mut Vec<UnreadableField>,
    ) -> Vec<String> {
        let mut urls = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match url(item.get(), count) {
                Ok(url) => urls.extend(url),
                Err(reason) => unreadable.push(UnreadableField::new(format!("{}[{index}]", self.path()), reason)),
            }
        }
        urls
    }
}

/// One URL. `None` if it stands for nothing, or does not `count`. The error is what it is instead.
fn url(json: &str, count: &dyn Fn(&str) -> bool) -> Result<Option<String>, String> {
    match json.as_bytes().first() {
        Some(b'"') => Ok(Some(unescaped(json).into_owned()).filter(|url| !is_placeholder(url) && count(url))),
        Some(b'n') => Ok(None), // null
        Some(b'{') => {
            let object = Object::parse(json.as_bytes(), "").map_err(|_| type_error(json, "a text"))?;
            let fields: Vec<_> = NAMES.iter().filter_map(|name| object.get(name)).collect();
            let urls: Vec<_> = fields.iter().filter(|field| field.is_text()).filter_map(|field| field.text()).collect();
            match urls.iter().find(|url| count(url)) {
                Some(url) => Ok(Some(url.clone().into_owned())),
                None if !urls.is_empty() => Ok(None),
                None if object.has_any(&NAMES) && fields.iter().all(Field::is_text) => Ok(None),
                None => Err(type_error(json, "a text")),
            }
        }
        _ => Err(type_error(json, "a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Vec<String>, Vec<String>) {
        let mut unreadable = Vec::new();
        let urls = Field::new("data", "urls", json).map_or_else(Vec::new, |field| field.urls(&mut unreadable));
        (urls, unreadable.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn url_is_read_from_every_form() {
        for json in [
            r#"["u"]"#,
            r#"" [\"u\"] ""#,
            r#""u""#,
            r#"{"url":"u"}"#,
            r#"[{"resultUrl":"u"}]"#,
            r#"[{"videoUrl":"u","url":"v"}]"#,
            r#"[{"result_url":"u"}]"#,
            r#""{\"url\":\"u\"}""#,
            r#"[null,"","null",{"url":null},{"url":"none"},"u"]"#,
        ] {
            assert_eq!(read(json), (vec!["u".to_owned()], vec![]), "{json}");
        }
        for json in
            ["null", r#""""#, r#""null""#, "[]", "[null]", r#"["undefined"]"#, r#"{"url":null}"#, r#"{"videoUrl":""}"#]
        {
            assert_eq!(read(json), (vec![], vec![]), "{json}");
        }
    }

    #[test]
    fn bad_entry_is_listed_beside_good_ones() {
        let (urls, unreadable) = read(r#"["a",7,{"b":1},["c"],{"url":7},true,"d"]"#);
        assert_eq!(urls, ["a", "d"]);
        assert_eq!(
            unreadable,
            [
                "data.urls[1] is 7, not a text",
                "data.urls[2] is an object, not a text",
                "data.urls[3] is a list, not a text",
                "data.urls[4] is an object, not a text",
                "data.urls[5] is true, not a text",
            ]
        );
        for (json, reason) in [
            ("7", "is 7, not a list"),
            ("false", "is false, not a list"),
            (r#"{"a":1}"#, "is an object, not a list"),
            (r#""[broken""#, "is a text, not a list"),
            (r#""{broken""#, "is a text, not a list"),
        ] {
            assert_eq!(read(json), (vec![], vec![format!("data.urls {reason}")]), "{json}");
        }
    }
}
