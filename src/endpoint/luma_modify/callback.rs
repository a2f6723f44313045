//! The body of a callback: the task id, and all else in it that can be read.

use crate::wire::field::{Field, fields, optional};
use crate::wire::{CallbackBody, RawEnvelope, is_blank};

/// Reads a callback's body. The error is the text of a Decode error.
pub(super) fn read(body: &[u8]) -> Result<CallbackBody, String> {
    let envelope = RawEnvelope::parse(body)?;
    let Some(data) = envelope.data else { return Err("there is no data".to_owned()) };
    // The vendor's own sample code reads other names than the gateway writes.
    let fields = fields!(
        data.json.as_bytes(),
        task_id = "taskId" at "data.taskId",
        snake_id = "task_id" at "data.task_id",
        prompt = "promptJson" at "data.promptJson",
        param = "paramJson" at "data.paramJson",
        result_urls = "resultUrls" at "data.resultUrls",
        snake_urls = "result_urls" at "data.result_urls",
    )
    .map_err(|_| data.type_error("an object"))?;
    let task_id = either(fields.task_id, fields.snake_id, id)?.ok_or("data.taskId is missing")?;
    // Only the id matters: any other field that cannot be read is left out.
    let text = |field: Field<'_>| Ok(Some(field.text().into_owned()).filter(|text| !text.is_empty()));
    let urls = |field: Field<'_>| Ok(Some(field.texts()?).filter(|urls| !urls.is_empty()));
    let mut result_urls = either(fields.result_urls, fields.snake_urls, urls).ok().flatten().unwrap_or_default();
    result_urls.retain(|url| !is_blank(url));
    Ok(CallbackBody {
        task_id,
        code: optional(envelope.code, Field::integer).ok().flatten(),
        message: optional(envelope.message, text)?,
        result_urls,
        param_json: either(fields.prompt, fields.param, text)?,
    })
}

/// The field under its first name, or else under its second.
fn either<'a, T>(
    first: Option<Field<'a>>,
    second: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    match optional(first, &how)? {
        Some(value) => Ok(Some(value)),
        None => optional(second, how),
    }
}

/// A task id: a text, or a number. `None` if it is blank.
fn id(field: Field<'_>) -> Result<Option<String>, String> {
    if !field.is_text() && field.integer().is_err() {
        return Err(field.type_error("a text"));
    }
    let id = field.unwrapped()?;
    Ok(Some(id.into_owned()).filter(|id| !is_blank(id)))
}
