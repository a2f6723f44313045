//! The body of a callback: the task id, and all else in it that can be read.

use std::borrow::Cow;

use crate::task::UnreadableField;
use crate::wire::field::{Field, optional};
use crate::wire::{CallbackBody, Object, RawEnvelope, readable};

/// Reads a callback's body. The error is the text of a Decode error.
pub(super) fn read(body: &[u8]) -> Result<CallbackBody, String> {
    let body = readable(body);
    let envelope = RawEnvelope::parse(&body)?;
    let (json, no_data) = match envelope.data.map(Field::only_object) {
        Some(Ok(json)) => (Some(json), None),
        Some(Err(unreadable)) => (None, Some(unreadable.to_string())),
        None => (None, Some("taskId is missing".to_owned())),
    };
    let data = json.as_deref().and_then(|json| Object::parse(json.as_bytes(), "data").ok());

    // Only the id matters: any other field that cannot be read is left out. Some write the id beside `data`.
    let (mut task_id, mut unreadable) = (None, None);
    for field in data.iter().chain([&envelope.body]).flat_map(|object| ID_NAMES.map(|name| object.get(name))) {
        match optional(field, id) {
            Ok(id) => task_id = task_id.or(id),
            Err(field) => unreadable = unreadable.or_else(|| Some(field.to_string())),
        }
    }
    let missing = || unreadable.or(no_data).unwrap_or_else(|| "data.taskId is missing".to_owned());
    let get = |name| data.as_ref().and_then(|data| data.get(name));
    let text = |name| get(name).and_then(Field::text).map(Cow::into_owned);
    Ok(CallbackBody {
        task_id: task_id.ok_or_else(missing)?,
        code: optional(envelope.code, Field::integer).ok().flatten(),
        message: envelope.message.and_then(Field::text).map(Cow::into_owned),
        result_urls: get("resultUrls").map_or_else(Vec::new, |field| field.urls(&mut Vec::new())),
        param_json: text("promptJson").or_else(|| text("paramJson")),
    })
}

/// The names of the task id. The vendor's own sample code reads another one than the gateway writes.
const ID_NAMES: [&str; 2] = ["taskId", "task_id"];

/// A task id: a text, or a number. `None` if it stands for nothing.
fn id(field: Field<'_>) -> Result<Option<String>, UnreadableField> {
    if !field.is_text() && field.integer().is_err() {
        return Err(field.type_error("a text"));
    }
    // A text that has to be mended is no id any more.
    if field.is_broken_text() {
        return Err(field.type_error("a valid text"));
    }
    Ok(field.text().map(Cow::into_owned))
}
