//! A record as the gateway really writes it: any field may be absent, null, of a neighbouring type, given twice, or new.

use crate::task::Status;
use crate::wire::RawRecord;
use crate::wire::field::{Field, fields, optional};

/// Reads a record. The error is the text of a Decode error.
pub(super) fn read(data: Field<'_>) -> Result<RawRecord<'_>, String> {
    let fields = fields!(
        data.json.as_bytes(),
        task_id = "taskId" at "data.taskId",
        flag = "successFlag" at "data.successFlag",
        created_at = "createTime" at "data.createTime",
        completed_at = "completeTime" at "data.completeTime",
        error_code = "errorCode" at "data.errorCode",
        error_message = "errorMessage" at "data.errorMessage",
        param_json = "paramJson" at "data.paramJson",
        response = "response" at "data.response",
    )
    .map_err(|_| data.type_error("an object"))?;
    let (result_urls, origin_urls) = match fields.response {
        Some(response) => urls(response)?,
        None => (Vec::new(), Vec::new()),
    };
    let error_message = fields.error_message.map(|text| text.text().into_owned()).filter(|text| !text.is_empty());
    let (error_code, error_message) = match fields.error_code {
        // Some codes are words. A word is no number, so it becomes part of the message.
        Some(code) if code.is_word() => (None, Some(with_code(code.text().into_owned(), error_message))),
        code => (optional(code, Field::integer)?, error_message),
    };
    let record = RawRecord {
        task_id: fields.task_id.map(Field::text),
        status: optional(fields.flag, Field::integer)?.map(Status::from_flag),
        result_urls,
        origin_urls,
        created_at: optional(fields.created_at, Field::integer)?,
        completed_at: optional(fields.completed_at, Field::integer)?,
        error_code,
        error_message,
        param_json: fields.param_json.map(|text| text.text().into_owned()),
    };
    Ok(record.without_placeholders())
}

/// The URLs of the results, and of the videos that were edited.
fn urls(response: Field<'_>) -> Result<(Vec<String>, Vec<String>), String> {
    let json = response.unwrapped()?;
    if matches!(json.trim(), "" | "null" | "[]") {
        return Ok((Vec::new(), Vec::new()));
    }
    let fields = fields!(
        json.as_bytes(),
        result_urls = "resultUrls" at "data.response.resultUrls",
        origin_urls = "originUrls" at "data.response.originUrls",
    )
    .map_err(|_| response.type_error("an object"))?;
    Ok((
        fields.result_urls.map_or(Ok(Vec::new()), Field::texts)?,
        fields.origin_urls.map_or(Ok(Vec::new()), Field::texts)?,
    ))
}

fn with_code(code: String, message: Option<String>) -> String {
    match message {
        Some(message) => format!("{code}: {message}"),
        None => code,
    }
}
