//! The body of a callback: its task's id, and whatever else of it can be read.

use super::field::{Field, envelope, fields, read, unreadable};
use crate::error::{Error, ErrorKind};

/// What a callback says, as far as it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallbackBody {
    pub(crate) task_id: String,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) result_urls: Vec<String>,
    pub(crate) param_json: Option<String>,
}

impl CallbackBody {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        Self::parse(body).map_err(|why| Error::new(ErrorKind::Decode, why).permanent())
    }

    fn parse(body: &[u8]) -> Result<Self, String> {
        let fields =
            fields!(envelope(body)?, code = "code" at "code", message = "msg" at "msg", data = "data" at "data")
                .map_err(|error| unreadable(&error))?;
        let Some(data) = fields.data else { return Err("there is no data".to_owned()) };
        // The vendor's own sample code reads other names than the gateway writes.
        let record = fields!(
            data.json.as_bytes(),
            task_id = "taskId" at "data.taskId",
            snake_id = "task_id" at "data.task_id",
            prompt = "promptJson" at "data.promptJson",
            param = "paramJson" at "data.paramJson",
            result_urls = "resultUrls" at "data.resultUrls",
            snake_urls = "result_urls" at "data.result_urls",
        )
        .map_err(|_| data.type_error("an object"))?;
        let task_id = either(record.task_id, record.snake_id, id)?.ok_or("data.taskId is missing")?;
        // It is a hint about the task: nothing else in it is worth losing that.
        let text = |field: Field<'_>| Ok(Some(field.text().into_owned()).filter(|text| !text.is_empty()));
        let urls = |field: Field<'_>| Ok(Some(field.texts()?).filter(|urls| !urls.is_empty()));
        let mut result_urls = either(record.result_urls, record.snake_urls, urls).ok().flatten().unwrap_or_default();
        result_urls.retain(|url| !super::is_blank(url));
        Ok(Self {
            task_id,
            code: read(fields.code, Field::integer).ok().flatten(),
            message: read(fields.message, text)?,
            result_urls,
            param_json: either(record.prompt, record.param, text)?,
        })
    }
}

/// Under the one name, or else under the other.
fn either<'a, T>(
    one: Option<Field<'a>>,
    other: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    match read(one, &how)? {
        Some(value) => Ok(Some(value)),
        None => read(other, how),
    }
}

/// A text, or a number.
fn id(field: Field<'_>) -> Result<Option<String>, String> {
    if !field.is_text() && field.integer().is_err() {
        return Err(field.type_error("a text"));
    }
    let id = field.unwrapped()?;
    Ok(Some(id.into_owned()).filter(|id| !super::is_blank(id)))
}
