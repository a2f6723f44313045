//! A task's record as an endpoint's reader fills it in, in the words of no endpoint.

use std::borrow::Cow;
use std::collections::HashSet;

use super::rare_fields::RareFields;
use crate::spelling::is_placeholder;
use crate::task::{Extra, Status};

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
    pub(crate) extra: Extra,
    pub(crate) rare: Option<Box<RareFields>>,
}

impl RawRecord<'_> {
    /// Removes what the gateway writes in place of absent values: zeros, blank texts, words such as `null`. No result is named
    /// twice.
    pub(crate) fn without_placeholders(mut self) -> Self {
        let not_zero = |number: &i64| *number != 0;
        let says_something = |text: &String| !is_placeholder(text);
        self.result_urls.retain(says_something);
        for url in self.result_urls.iter_mut().chain(&mut self.origin_urls) {
            let trimmed = url.trim();
            if trimmed.len() < url.len() {
                *url = trimmed.to_owned();
            }
        }
        if self.result_urls.len() > 1 {
            let mut seen = HashSet::new();
            let is_first: Vec<bool> = self.result_urls.iter().map(|url| seen.insert(url.as_str())).collect();
            let mut is_first = is_first.into_iter();
            self.result_urls.retain(|_| is_first.next().unwrap_or(true));
        }
        self.origin_urls.retain(says_something);
        Self {
            task_id: self.task_id.filter(|id| !is_placeholder(id)),
            created_at: self.created_at.filter(not_zero),
            completed_at: self.completed_at.filter(not_zero),
            error_code: self.error_code.filter(not_zero),
            error_message: self.error_message.filter(says_something),
            param_json: self.param_json.filter(says_something),
            ..self
        }
    }
}
