//! The body of a callback, read as leniently as a record.

use std::borrow::Cow;

use super::field::{Field, envelope, fields, read, unreadable};
use crate::error::Error;

/// What a callback says, as far as it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) task_id: String,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) result_urls: Vec<String>,
    pub(crate) param_json: Option<String>,
}

impl Notice {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        Self::parse(body).map_err(super::decode)
    }

    fn parse(body: &[u8]) -> Result<Self, String> {
        let fields =
            fields!(envelope(body)?, code = "code" at "code", message = "msg" at "msg", data = "data" at "data")
                .map_err(|error| unreadable(&error))?;
        let Some(data) = fields.data else { return Err("there is no data".to_owned()) };
        // The vendor's own sample code reads the id under another name than the gateway writes.
        let record = fields!(
            data.json.as_bytes(),
            task_id = "taskId" | "task_id" at "data.taskId",
            param_json = "promptJson" | "paramJson" | "prompt_json" | "param_json" at "data.promptJson",
            result_urls = "resultUrls" | "result_urls" at "data.resultUrls",
        )
        .map_err(|_| data.unfit("an object"))?;
        let text =
            |field: Option<Field<'_>>| field.map(Field::text).map(Cow::into_owned).filter(|text| !text.is_empty());
        let task_id = text(record.task_id).filter(|id| !super::is_blank(id));
        let mut result_urls = record.result_urls.map_or(Ok(Vec::new()), Field::texts)?;
        result_urls.retain(|url| !super::is_blank(url));
        Ok(Self {
            task_id: task_id.ok_or("data.taskId is missing")?,
            code: read(fields.code, Field::integer)?,
            message: text(fields.message),
            result_urls,
            param_json: text(record.param_json),
        })
    }
}
