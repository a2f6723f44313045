//! The life of a simulated task, as a value.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

#[cfg(feature = "callback")]
use super::delivery::{Delivery, ScheduledCallback};
use crate::task::{Status, TaskId};

/// The vendor's own example took 309 s.
const GENERATION: Duration = Duration::from_secs(300);

/// A task's life: how long it generates, and how it ends.
///
/// Unless told otherwise it generates for 5 minutes and then succeeds with one result URL.
#[derive(Clone, Debug)]
#[must_use]
pub struct SimulatedTask {
    unknown_for: Duration,
    generates_for: Option<Duration>,
    status: Status,
    meanwhile: Status,
    result_urls: Option<Vec<String>>,
    error_code: Option<i64>,
    error_message: Option<String>,
    #[cfg(feature = "callback")]
    delivery: Option<Delivery>,
}

impl Default for SimulatedTask {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedTask {
    /// Generates for 5 minutes, then succeeds with one result URL.
    pub const fn new() -> Self {
        Self {
            unknown_for: Duration::ZERO,
            generates_for: Some(GENERATION),
            status: Status::Success,
            meanwhile: Status::Generating,
            result_urls: None,
            error_code: None,
            error_message: None,
            #[cfg(feature = "callback")]
            delivery: None,
        }
    }

    /// How long it generates. Default: 5 minutes.
    pub const fn generates_for(mut self, time: Duration) -> Self {
        self.generates_for = Some(time);
        self
    }

    /// It generates for ever.
    pub const fn never_ends(mut self) -> Self {
        self.generates_for = None;
        self
    }

    /// How it ends. Default: [`Status::Success`].
    pub const fn ends_with(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// What its flag says until then. Default: [`Status::Generating`].
    pub const fn meanwhile(mut self, status: Status) -> Self {
        self.meanwhile = status;
        self
    }

    /// The results of a task that ends well. Default: one URL. An empty list: none.
    pub fn result_urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.result_urls = Some(urls.into_iter().map(Into::into).collect());
        self
    }

    /// The reason that a task gives that ends with [`Status::CreateTaskFailed`] or [`Status::GenerateFailed`].
    pub fn error(mut self, code: i64, message: impl Into<String>) -> Self {
        self.error_code = Some(code);
        self.error_message = Some(message.into());
        self
    }

    /// How long after its creation the gateway has no record of it yet. Default: no time.
    pub const fn unknown_for(mut self, time: Duration) -> Self {
        self.unknown_for = time;
        self
    }

    /// Its callback. Default: none. Needs the feature `callback`.
    #[cfg(feature = "callback")]
    #[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
    pub fn callback(mut self, delivery: Delivery) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// What is to be posted of it.
    #[cfg(feature = "callback")]
    pub(super) fn scheduled(&self, id: &TaskId, born: Duration) -> Vec<ScheduledCallback> {
        let ends = self.generates_for.map(|after| (after, self.status));
        self.delivery.as_ref().map_or_else(Vec::new, |delivery| delivery.scheduled(id, born, ends))
    }

    /// All tries to post its callback have failed.
    #[cfg(feature = "callback")]
    pub(super) fn callback_failed(&mut self) {
        if self.status == Status::Success {
            self.status = Status::CallbackFailed;
        }
    }

    /// The record at this age. `created_at`: in Unix milliseconds.
    pub(super) fn record<'a>(&'a self, id: &'a TaskId, age: Duration, created_at: u64) -> Option<Record<'a>> {
        if age < self.unknown_for {
            return None;
        }
        let ended = self.generates_for.filter(|time| age >= *time);
        let status = if ended.is_some() { self.status } else { self.meanwhile };
        let failed = matches!(status, Status::CreateTaskFailed | Status::GenerateFailed);
        let results = || {
            let example = || Cow::Owned(vec![format!("https://files.example.com/{id}.mp4")]);
            self.result_urls.as_deref().map_or_else(example, Cow::Borrowed)
        };
        let response = status.is_success().then(|| Response {
            task_id: id.as_str(),
            origin_urls: ["https://example.com/video.mp4"],
            result_urls: results(),
        });
        Some(Record {
            task_id: id.as_str(),
            param_json: r#"{"prompt":"A futuristic cityscape","videoUrl":"https://example.com/video.mp4","waterMark":""}"#,
            complete_time: ended.map(|time| created_at.saturating_add(millis(time))),
            response,
            success_flag: status.flag(),
            create_time: created_at,
            error_code: self.error_code.filter(|_| failed),
            error_message: self.error_message.as_deref().filter(|_| failed),
        })
    }
}

/// A task's record, as the gateway writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    task_id: &'a str,
    param_json: &'static str,
    complete_time: Option<u64>,
    response: Option<Response<'a>>,
    success_flag: i64,
    create_time: u64,
    error_code: Option<i64>,
    error_message: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    task_id: &'a str,
    origin_urls: [&'static str; 1],
    result_urls: Cow<'a, [String]>,
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
