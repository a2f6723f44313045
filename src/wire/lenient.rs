//! A record as the gateway really writes it: any field may be absent, null, of the neighbouring type, twice, or new.

use std::borrow::Cow;

use super::field::{Field, envelope, fields, read, unreadable};

/// The outcome of the request, around the record.
pub(super) struct Envelope<'a> {
    pub(super) code: Option<i64>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) data: Option<Data<'a>>,
}

/// The record in an envelope, read already or still to be read.
pub(super) enum Data<'a> {
    Read(RawRecord<'a>),
    Raw(Field<'a>),
}

/// The record, as far as it is there.
#[derive(Debug, Default)]
pub(super) struct RawRecord<'a> {
    pub(super) task_id: Option<Cow<'a, str>>,
    pub(super) flag: Option<i64>,
    pub(super) result_urls: Vec<String>,
    pub(super) origin_urls: Vec<String>,
    pub(super) created_at: Option<i64>,
    pub(super) completed_at: Option<i64>,
    pub(super) error_code: Option<i64>,
    pub(super) error_message: Option<String>,
    pub(super) param_json: Option<String>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let fields =
            fields!(envelope(body)?, code = "code" at "code", message = "msg" at "msg", data = "data" at "data")
                .map_err(|error| unreadable(&error))?;
        Ok(Self {
            code: read(fields.code, Field::integer)?,
            message: fields.message.map(Field::text),
            data: fields.data.map(Data::Raw),
        })
    }
}

impl<'a> RawRecord<'a> {
    pub(super) fn parse(data: Data<'a>) -> Result<Self, String> {
        let data = match data {
            Data::Read(payload) => return Ok(payload),
            Data::Raw(data) => data,
        };
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
            Some(response) => results(response)?,
            None => (Vec::new(), Vec::new()),
        };
        let error_message = fields.error_message.map(|text| text.text().into_owned()).filter(|text| !text.is_empty());
        let (error_code, error_message) = match fields.error_code {
            // Some codes are words. They have no number, and are part of the reason.
            Some(code) if code.is_word() => (None, Some(reason(code.text().into_owned(), error_message))),
            code => (read(code, Field::integer)?, error_message),
        };
        let payload = Self {
            task_id: fields.task_id.map(Field::text),
            flag: read(fields.flag, Field::integer)?,
            result_urls,
            origin_urls,
            created_at: read(fields.created_at, Field::integer)?,
            completed_at: read(fields.completed_at, Field::integer)?,
            error_code,
            error_message,
            param_json: fields.param_json.map(|text| text.text().into_owned()),
        };
        Ok(payload.without_placeholders())
    }

    /// Zeros and empty texts stand for nothing.
    pub(super) fn without_placeholders(mut self) -> Self {
        let given = |number: &i64| *number != 0;
        let is_given = |text: &String| !text.is_empty();
        self.result_urls.retain(|url| !super::is_blank(url));
        self.origin_urls.retain(|url| !super::is_blank(url));
        Self {
            task_id: self.task_id.filter(|id| !id.is_empty()),
            created_at: self.created_at.filter(given),
            completed_at: self.completed_at.filter(given),
            error_code: self.error_code.filter(given),
            error_message: self.error_message.filter(is_given),
            param_json: self.param_json.filter(is_given),
            ..self
        }
    }
}

fn results(response: Field<'_>) -> Result<(Vec<String>, Vec<String>), String> {
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

fn reason(code: String, message: Option<String>) -> String {
    match message {
        Some(message) => format!("{code}: {message}"),
        None => code,
    }
}
