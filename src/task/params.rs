//! The parameters that a task was created with.

use std::collections::BTreeMap;

use serde::Serialize;

/// The parameters that a task was created with. Empty texts count as absent.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Params {
    /// What was asked for.
    pub prompt: Option<String>,
    /// The video to edit.
    pub video_url: Option<String>,
    /// Where the vendor was to call when the task is done.
    pub callback_url: Option<String>,
    /// The watermark's text.
    pub watermark: Option<String>,
    /// All other parameters: texts as they are, anything else as JSON.
    pub rest: BTreeMap<String, String>,
}

impl Params {
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
            // The vendor spells these in more than one way (`watermark`, `waterMark`).
            match name.to_ascii_lowercase().as_str() {
                "prompt" => params.prompt = Some(text),
                "videourl" => params.video_url = Some(text),
                "callbackurl" => params.callback_url = Some(text),
                "watermark" => params.watermark = Some(text),
                _ => drop(params.rest.insert(name, text)),
            }
        }
        Some(params)
    }
}
