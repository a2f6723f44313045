//! Events for eyes that may see the task, and not what it was made with.

use super::status_event::StatusEvent;

impl StatusEvent {
    /// The same event without what a browser should not see: for a page, or a stream of Server-Sent Events.
    ///
    /// Of the task it leaves out `param_json` with the prompt and the callback's URL, the `origin_urls`, the `extra` fields apart from
    /// `progress`, and the `unreadable` list. Of an error it leaves out the causes. A [`HeldBack`](Self::HeldBack) loses
    /// the task that was refused, which is mostly another one.
    ///
    /// The status, the result URLs and the vendor's reason of a failure stay, and so does an error's sentence: it may name the host
    /// of the gateway.
    ///
    /// ```
    /// # let task: luma_watch::Task = serde_json::from_str(
    /// #     r#"{"id":"774d9a7d","status":"GENERATING","param_json":"{\"callBackUrl\":\"https://us.example/?token=1\"}"}"#,
    /// # ).unwrap();
    /// use luma_watch::{Progress, StatusEvent};
    ///
    /// let event = StatusEvent::Generating(Progress::new(task));
    /// assert!(serde_json::to_string(&event).unwrap().contains("callBackUrl"));
    /// assert!(!serde_json::to_string(&event.redacted()).unwrap().contains("callBackUrl"));
    /// ```
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::Generating(progress) => progress.task = progress.task.redacted(),
            Self::Done(finished) => finished.task = finished.task.redacted(),
            Self::PollFailed(failure) => failure.error = failure.error.redacted(),
            Self::HeldBack(hold) => hold.error = hold.error.redacted().without_task(),
            Self::GaveUp(error) => *error = error.redacted(),
        }
        event
    }
}
