//! The attempts to deliver callbacks: which is next, what it carries, and what follows from the receiver's response.

use std::time::SystemTime;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::delivery::{MAX_ATTEMPTS, RETRY_PAUSE, ScheduledCallback};
use super::engine::Engine;
use super::task::SimulatedTask;
use crate::callback::{CallbackVerifier, sign};
use crate::endpoint::written;

/// Which callback is next.
pub(super) enum NextCallback {
    /// This one is due. It is not in the queue any more.
    Due(ScheduledCallback),
    /// The next one is due later. `None` where time stands still.
    Later(Option<Instant>),
    /// There is none.
    Nothing,
}

impl Engine {
    /// Takes the next callback if it is due.
    pub(super) fn next_callback(&mut self) -> NextCallback {
        let now = self.now();
        let Some(at) = self.callbacks.next_at() else { return NextCallback::Nothing };
        if at > now {
            return NextCallback::Later(self.instant(at));
        }
        self.callbacks.pop().map_or(NextCallback::Nothing, NextCallback::Due)
    }

    /// Notes whether the receiver accepted a callback, and schedules the next repetition or the next attempt.
    pub(super) fn settle_callback(&mut self, mut callback: ScheduledCallback, is_accepted: bool) {
        let now = self.now();
        // The sender of a forged callback tries once, whatever the response.
        if callback.is_forged || self.task_of(&callback).is_none() {
            return;
        }
        if !is_accepted {
            callback.refused = callback.refused.saturating_add(1);
            if callback.refused < MAX_ATTEMPTS {
                return self.callbacks.add(now.saturating_add(RETRY_PAUSE), callback);
            }
            if callback.delivered == 0 {
                if let Some(task) = self.task_of(&callback) {
                    task.callback_failed();
                }
                return;
            }
        }
        callback.refused = 0;
        callback.delivered = callback.delivered.saturating_add(1);
        if callback.delivered < callback.delivery.times {
            self.callbacks.add(now, callback);
        }
    }

    /// Notes that the receiver refuses a callback that was noted as accepted.
    pub(super) fn refuse_callback(&mut self, callback: ScheduledCallback) {
        if !callback.is_forged && self.task_of(&callback).is_some() {
            self.callbacks.remove_repetition(&callback);
            self.settle_callback(callback, false);
        }
    }

    /// The headers and the body of the request that carries a callback, signed if there is a key.
    pub(super) fn callback_parts(&self, callback: &ScheduledCallback) -> (HeaderMap, Vec<u8>) {
        let ScheduledCallback { task_id, is_success, is_forged, .. } = callback;
        let result_urls =
            self.tasks.get(task_id).filter(|_| *is_success).map(|entry| entry.task.urls(task_id, &self.files_folder));
        let body = written::callback(task_id.as_str(), result_urls.as_deref());
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(key) = &self.callbacks.key {
            let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let timestamp = unix.as_secs().to_string();
            let key = if *is_forged { format!("not {key}") } else { key.clone() };
            let signature = sign(&key, task_id, &timestamp);
            for (name, value) in
                [(CallbackVerifier::SIGNATURE_HEADER, signature), (CallbackVerifier::TIMESTAMP_HEADER, timestamp)]
            {
                // Base64 and digits are always valid in a header.
                if let Ok(value) = HeaderValue::try_from(value) {
                    headers.insert(name, value);
                }
            }
        }
        (headers, body)
    }

    /// The callback's own task. `None` where another task has replaced it.
    fn task_of(&mut self, callback: &ScheduledCallback) -> Option<&mut SimulatedTask> {
        let entry = self.tasks.get_mut(&callback.task_id)?;
        (entry.created == callback.task_created).then_some(&mut entry.task)
    }
}
