//! What goes wrong, how often, and for whom.

use std::time::Duration;

use bytes::Bytes;

use crate::task::TaskId;

/// Something that goes wrong instead of an answer: once, unless told otherwise.
#[derive(Clone, Debug)]
#[must_use = "a fault happens once it is injected"]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) headers: Vec<(String, Header)>,
    task: Option<TaskId>,
    skip: u32,
    left: Option<u32>,
    probability: f64,
}

#[derive(Clone, Debug)]
pub(super) enum FaultKind {
    Status(u16),
    Envelope { code: i64, message: String },
    Body(Bytes),
    Reset,
    Stall,
    Truncated,
}

#[derive(Clone, Debug)]
pub(super) enum Header {
    Text(String),
    /// A date so long after the answer.
    DateAfter(Duration),
}

impl Fault {
    const fn new(kind: FaultKind) -> Self {
        Self { kind, headers: Vec::new(), task: None, skip: 0, left: Some(1), probability: 1.0 }
    }

    /// An HTTP status, 200 to 999, with a page of HTML, as a proxy before the gateway would send it.
    pub const fn status(status: u16) -> Self {
        let status = if status < 200 || status > 999 { 500 } else { status };
        Self::new(FaultKind::Status(status))
    }

    /// HTTP 200 with an envelope that carries this code and message and no data.
    pub fn code(code: i64, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Envelope { code, message: message.into() })
    }

    /// HTTP 200 with this body.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::new(FaultKind::Body(Bytes::from(body.into())))
    }

    /// The connection is reset instead of an answer.
    ///
    /// Over HTTP a client asks again at once, unseen, when a kept connection breaks: there, a reset after an answer
    /// shows from [`times(2)`](Self::times) on.
    pub const fn reset() -> Self {
        Self::new(FaultKind::Reset)
    }

    /// No answer ever comes.
    pub const fn stall() -> Self {
        Self::new(FaultKind::Stall)
    }

    /// The right answer breaks off in the middle of its body.
    pub const fn truncated() -> Self {
        Self::new(FaultKind::Truncated)
    }

    /// With a `Retry-After` header, as it is: `"5"`, or anything else.
    pub fn retry_after(self, value: impl Into<String>) -> Self {
        self.header("retry-after", value)
    }

    /// With a `Retry-After` header that names the date so long after the answer, in whole seconds.
    pub fn retry_after_date(mut self, wait: Duration) -> Self {
        self.headers.push(("retry-after".to_owned(), Header::DateAfter(wait)));
        self
    }

    /// With a header. One that HTTP does not allow is left out, as is one about the body's length.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Header::Text(value.into())));
        self
    }

    /// It happens to so many requests. Default: 1.
    pub const fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// It happens to every request from now on.
    pub const fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// It happens only to requests for this task.
    pub fn only(mut self, task: &TaskId) -> Self {
        self.task = Some(task.clone());
        self
    }

    /// It lets the first so many requests pass that it could happen to.
    pub const fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// It happens to each request with this probability, 0 to 1, drawn from the simulator's seed.
    pub const fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == Some(0)
    }

    /// Whether it happens to this request; counts it if so.
    pub(super) fn strikes(&mut self, id: &TaskId, random: &mut fastrand::Rng) -> bool {
        if self.is_spent() || self.task.as_ref().is_some_and(|task| task != id) {
            return false;
        }
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            return false;
        }
        let strikes = random.f64() < self.probability;
        if strikes {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        strikes
    }
}
