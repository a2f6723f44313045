//! The parameters that a task was created with.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::spelling::{is_placeholder, is_same};

/// The parameters that a task was created with, from [`Task::params`](crate::Task::params). An empty text, or a word such as
/// `null`, is `None`.
///
/// ```
/// # let task: luma_watch::Task = serde_json::from_value(serde_json::json!({
/// #     "id": "x", "status": "GENERATING",
/// #     "param_json": r#"{"prompt":"A city at night","waterMark":"","seed":7}"#,
/// # })).unwrap();
/// // A task with the parameters {"prompt":"A city at night","waterMark":"","seed":7}
/// let params = task.params().unwrap();
/// assert_eq!(params.prompt.as_deref(), Some("A city at night"));
/// assert_eq!(params.watermark, None);
/// assert_eq!(params.rest["seed"], "7");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Params {
    /// `prompt`: the text that describes the video.
    pub prompt: Option<String>,
    /// `videoUrl`: the URL of the video to edit.
    pub video_url: Option<String>,
    /// `callBackUrl`: the URL that the vendor calls when the task is done.
    pub callback_url: Option<String>,
    /// `watermark`: the watermark's text.
    pub watermark: Option<String>,
    /// All other parameters by name. A text is kept as it is, any other value as its JSON. Null and empty texts are left out.
    pub rest: BTreeMap<String, String>,
}

impl Params {
    /// `None` if this is not a JSON object.
    pub(super) fn read(json: &str) -> Option<Self> {
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).ok()?;
        let mut params = Self::default();
        for (name, value) in fields {
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            if text.is_empty() {
                continue;
            }
            // The vendor spells them in more than one way: `watermark`, `waterMark`.
            let known = [
                ("prompt", &mut params.prompt),
                ("videoUrl", &mut params.video_url),
                ("callBackUrl", &mut params.callback_url),
                ("watermark", &mut params.watermark),
            ];
            match known.into_iter().find(|(known, _)| is_same(known, &name)) {
                Some(_) if is_placeholder(&text) => {}
                Some((_, param)) => *param = Some(text),
                None => drop(params.rest.insert(name, text)),
            }
        }
        Some(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_however_they_are_spelled() {
        let params =
            Params::read(r#"{"Prompt":"p","video_url":"v","callbackUrl":"c","waterMark":"w","seed":7}"#).unwrap();
        let known = [params.prompt, params.video_url, params.callback_url, params.watermark];
        assert_eq!(known.map(Option::unwrap), ["p", "v", "c", "w"]);
        assert_eq!(params.rest, BTreeMap::from([("seed".to_owned(), "7".to_owned())]));
    }

    #[test]
    fn parameter_that_stands_for_nothing_is_absent() {
        for word in ["", " ", "null", "None", "undefined"] {
            let json = format!(r#"{{"prompt":"{word}","videoUrl":"{word}","callBackUrl":"{word}","watermark":null}}"#);
            assert_eq!(Params::read(&json), Some(Params::default()), "{word:?}");
        }
    }
}
