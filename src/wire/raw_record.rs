//! A task's record as an endpoint's reader fills it in, in the words of no endpoint.

use std::borrow::Cow;

use super::text::is_blank;
use crate::task::Status;

/// The fields of one record. What the answer does not hold is `None` or empty.
#[derive(Debug, Default)]
pub(crate) struct RawRecord<'a> {
    pub(crate) task_id: Option<Cow<'a, str>>,
    pub(crate) status: Option<Status>,
    pub(crate) result_urls: Vec<String>,
    pub(crate) origin_urls: Vec<String>,
    /// In Unix milliseconds.
    pub(crate) created_at: Option<i64>,
    /// In Unix milliseconds.
    pub(crate) completed_at: Option<i64>,
    pub(crate) error_code: Option<i64>,
    pub(crate) error_message: Option<String>,
    pub(crate) param_json: Option<String>,
}

impl RawRecord<'_> {
    /// Removes zeros and empty texts, which the gateway writes in place of absent values.
    pub(crate) fn without_placeholders(mut self) -> Self {
        let not_zero = |number: &i64| *number != 0;
        let not_empty = |text: &String| !text.is_empty();
        self.result_urls.retain(|url| !is_blank(url));
        self.origin_urls.retain(|url| !is_blank(url));
        Self {
            task_id: self.task_id.filter(|id| !id.is_empty()),
            created_at: self.created_at.filter(not_zero),
            completed_at: self.completed_at.filter(not_zero),
            error_code: self.error_code.filter(not_zero),
            error_message: self.error_message.filter(not_empty),
            param_json: self.param_json.filter(not_empty),
            ..self
        }
    }
}
