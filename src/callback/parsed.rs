//! A callback whose body has been read.

use std::fmt;

use crate::endpoint::LUMA_MODIFY;
use crate::error::{Error, ErrorKind};
use crate::task::TaskId;
use crate::wire::CallbackBody;

/// The gateway's POST to a task's `callBackUrl`, sent when the task is done. Needs the feature `callback`.
///
/// **It is a reason to poll now, never the result itself.** Its signature covers the task id and the time, and nothing else.
/// Give it to [`Client::notify`](crate::Client::notify): the watch of the task then polls, and yields what the task's record
/// says.
///
/// Get one from [`CallbackVerifier::verify`](crate::CallbackVerifier::verify), or from [`parse`](Self::parse) if the account
/// has no signing key.
///
/// In the guide: [callbacks](crate::guide::callbacks).
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    task_id: TaskId,
    body: CallbackBody,
}

impl Callback {
    /// Reads the body of a callback without checking its sender. For an account without a signing key only; with one, use
    /// [`CallbackVerifier::verify`](crate::CallbackVerifier::verify).
    ///
    /// The body must hold the task id, a text or a number named `taskId` or `task_id`, in `data` or beside it. Any other field
    /// that is absent, null or unreadable is left out. See [the guide](crate::guide::answers) for what can be read.
    ///
    /// Anyone who knows your callback URL can send such a body. Keep the URL secret, and set a
    /// [rate limit](crate::ClientBuilder::rate_limit).
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode): the body is not JSON, or holds no task id. The text says what is wrong, and where.
    ///
    /// ```
    /// use luma_watch::Callback;
    ///
    /// let body = br#"{"code":500,"msg":"Modify record generation failed.","data":{"taskId":"774d9a7d"}}"#;
    /// let callback = Callback::parse(body)?;
    /// assert_eq!(callback.task_id(), "774d9a7d");
    /// assert_eq!((callback.is_success(), callback.code()), (false, Some(500)));
    /// assert_eq!(callback.message(), Some("Modify record generation failed."));
    /// assert!(callback.result_urls().is_empty() && callback.param_json().is_none());
    /// # Ok::<(), luma_watch::Error>(())
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let read = (LUMA_MODIFY.read_callback)(body);
        let body = read.map_err(|unreadable| Error::new(ErrorKind::Decode, unreadable).permanent())?;
        Ok(Self { task_id: TaskId::from(&body.task_id), body })
    }

    /// The id of the task that is done.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.task_id
    }

    /// Whether the callback says that the task succeeded: its `code` is 200.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.body.code == Some(200)
    }

    /// The callback's `code`: 200 if the task succeeded, 500 if it failed.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.body.code
    }

    /// The callback's `msg`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.body.message.as_deref()
    }

    /// The URLs of the videos, according to the callback. They may be forged: download those of the task's record.
    #[must_use]
    pub fn result_urls(&self) -> &[String] {
        &self.body.result_urls
    }

    /// The parameters that the task was created with, as JSON text: the callback's `promptJson`.
    #[must_use]
    pub fn param_json(&self) -> Option<&str> {
        self.body.param_json.as_deref()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallbackBody { task_id: _, code, message, result_urls, param_json } = &self.body;
        f.debug_struct("Callback")
            .field("task_id", &self.task_id.as_str())
            .field("code", code)
            .field("message", message)
            .field("result_urls", result_urls)
            .field("param_json", param_json)
            .finish()
    }
}
