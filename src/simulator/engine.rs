//! The simulated gateway itself: tasks on a clock, faults, and a list of all requests.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use tokio::time::Instant;

#[cfg(feature = "callback")]
use super::callback_queue::CallbackQueue;
use super::fault::{Fault, FaultHeader, FaultKind};
use super::request::Request;
use super::task::{SimulatedTask, millis};
use crate::endpoint::written::{self, RecordJson};
use crate::limiter::Quota;
use crate::task::TaskId;

const DEFAULT_API_KEY: &str = "test-key";
const JSON: &str = "application/json";

/// The state of a simulated gateway. Its time starts at zero when it is made, and passes at its speed.
pub(super) struct Engine {
    pub(super) api_key: String,
    /// How many times faster than the clock the simulator's time passes.
    pub(super) speed: u32,
    /// How long a response takes, on the clock.
    pub(super) latency: Duration,
    pub(super) random: fastrand::Rng,
    pub(super) tasks: HashMap<TaskId, CreatedTask>,
    pub(super) faults: Vec<Fault>,
    pub(super) rate_limit: Option<Quota>,
    pub(super) requests: Vec<Request>,
    #[cfg(feature = "callback")]
    pub(super) callbacks: CallbackQueue,
    /// The folder of the sample result URLs.
    pub(super) files_folder: String,
    start: Instant,
    start_date: SystemTime,
}

/// A task, and when it was created, in the simulator's time.
pub(super) struct CreatedTask {
    pub(super) created: Duration,
    pub(super) task: SimulatedTask,
}

/// How the exchange for one request goes.
#[derive(Clone, Debug)]
pub(super) enum Exchange {
    /// The whole response arrives.
    Whole(HttpResponse),
    /// The response breaks off in the middle of its body.
    Truncated(HttpResponse),
    /// The connection is reset.
    Reset,
    /// No response comes, and the connection stays open.
    Stall,
}

#[derive(Clone, Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The wall clock's time in whole seconds. A `Date` header has no fractions: a task's age must not depend on when in a
/// second a test began.
fn whole_second() -> SystemTime {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Takes one request from the limit. Returns whether there was one left.
fn admit(limit: &mut Quota) -> bool {
    let now = Instant::now();
    let admitted = limit.free(now) > 0;
    if admitted {
        limit.take(now);
    }
    admitted
}

impl Engine {
    pub(super) fn new() -> Self {
        Self {
            api_key: DEFAULT_API_KEY.to_owned(),
            speed: 1,
            latency: Duration::ZERO,
            random: fastrand::Rng::with_seed(0),
            tasks: HashMap::new(),
            faults: Vec::new(),
            rate_limit: None,
            requests: Vec::new(),
            #[cfg(feature = "callback")]
            callbacks: CallbackQueue::default(),
            files_folder: "https://files.example.com".to_owned(),
            start: Instant::now(),
            start_date: whole_second(),
        }
    }

    /// The simulator's time.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_mul(self.speed)
    }

    /// Creates a task, now. It replaces a task of the same id.
    pub(super) fn add(&mut self, id: TaskId, task: SimulatedTask) {
        let created = self.now();
        #[cfg(feature = "callback")]
        {
            if self.tasks.contains_key(&id) {
                self.callbacks.remove(&id);
            }
            for (at, callback) in task.scheduled_callbacks(&id, created) {
                self.callbacks.add(at, callback);
            }
        }
        self.tasks.insert(id, CreatedTask { created, task });
    }

    /// The date now, at the speed of tokio's clock.
    pub(super) fn wall_clock(&self) -> SystemTime {
        self.start_date.checked_add(self.start.elapsed()).unwrap_or(self.start_date)
    }

    /// When the clock reaches the simulator's time `at`. `None` where time stands still.
    #[cfg(feature = "callback")]
    pub(super) fn instant(&self, at: Duration) -> Option<Instant> {
        let after = at.checked_div(self.speed)?;
        // The division rounds down, and a callback is not due before its time.
        let is_early = after.saturating_mul(self.speed) < at;
        self.start.checked_add(after.saturating_add(Duration::from_nanos(is_early.into())))
    }

    /// Handles a request for `id` that carries this key, now.
    pub(super) fn answer(&mut self, id: &TaskId, api_key: Option<&str>) -> Exchange {
        let at = self.now();
        let authorized = api_key == Some(self.api_key.as_str());
        let exchange = self.exchange(id, authorized, at);
        let status = match &exchange {
            Exchange::Whole(response) | Exchange::Truncated(response) => Some(response.status),
            Exchange::Reset | Exchange::Stall => None,
        };
        self.requests.push(Request { at, task_id: id.clone(), authorized, status });
        exchange
    }

    fn exchange(&mut self, id: &TaskId, authorized: bool, at: Duration) -> Exchange {
        if self.rate_limit.as_mut().is_some_and(|limit| !admit(limit)) {
            return Exchange::Whole(self.envelope(429, 429, written::RATE_LIMITED, None, at));
        }
        match self.fault(id, false) {
            Some(fault) => self.faulty_exchange(fault, at, || self.correct_response(id, authorized, at)),
            None => Exchange::Whole(self.correct_response(id, authorized, at)),
        }
    }

    /// The fault that happens to a request, if there is one.
    pub(super) fn fault(&mut self, id: &TaskId, for_file: bool) -> Option<Fault> {
        let Self { faults, random, .. } = self;
        let fault = faults.iter_mut().find_map(|fault| fault.happens_to(id, for_file, random).then(|| fault.clone()));
        faults.retain(|fault| !fault.is_spent());
        fault
    }

    pub(super) fn faulty_exchange(
        &self,
        fault: Fault,
        at: Duration,
        correct_response: impl FnOnce() -> HttpResponse,
    ) -> Exchange {
        let mut response = match &fault.kind {
            FaultKind::Reset => return Exchange::Reset,
            FaultKind::Stall => return Exchange::Stall,
            FaultKind::Truncated => correct_response(),
            FaultKind::Status(status) => self.response(*status, "text/plain", Bytes::new(), at),
            FaultKind::Page(status) => {
                let html = format!("<html><head><title>Error {status}</title></head></html>");
                self.response(*status, "text/html", html.into(), at)
            }
            FaultKind::Envelope { code, message } => self.envelope(200, *code, message, None, at),
            FaultKind::Body(body) => self.response(200, JSON, body.clone(), at),
        };
        for (name, value) in fault.headers {
            let value = match value {
                FaultHeader::Text(text) => text,
                FaultHeader::DateAfter(wait) => self.date(at.saturating_add(wait)),
            };
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers.insert(name, value);
            }
        }
        // The body decides its own length.
        response.headers.remove(CONTENT_LENGTH);
        response.headers.remove(TRANSFER_ENCODING);
        if matches!(fault.kind, FaultKind::Truncated) {
            Exchange::Truncated(response)
        } else {
            Exchange::Whole(response)
        }
    }

    fn correct_response(&self, id: &TaskId, authorized: bool, at: Duration) -> HttpResponse {
        if !authorized {
            return self.envelope(401, 401, written::UNAUTHORIZED, None, at);
        }
        let record = self.tasks.get(id).and_then(|CreatedTask { created, task }| {
            let start = self.start_date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let created_at = millis(start.saturating_add(*created));
            task.record(id, at.saturating_sub(*created), created_at, &self.files_folder)
        });
        match record {
            Some(record) => self.envelope(200, 200, written::SUCCESS, Some(&record), at),
            None => self.envelope(200, 422, written::NO_RECORD, None, at),
        }
    }

    /// A response with an envelope. `status` is HTTP's, `code` the envelope's.
    pub(super) fn envelope(
        &self,
        status: u16,
        code: i64,
        message: &str,
        record: Option<&RecordJson<'_>>,
        at: Duration,
    ) -> HttpResponse {
        self.response(status, JSON, written::envelope(code, message, record).into(), at)
    }

    pub(super) fn response(&self, status: u16, content_type: &'static str, body: Bytes, at: Duration) -> HttpResponse {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(date) = HeaderValue::try_from(self.date(at)) {
            headers.insert(DATE, date);
        }
        HttpResponse { status, headers, body }
    }

    /// The HTTP date of the simulator's time `at`.
    fn date(&self, at: Duration) -> String {
        httpdate::fmt_http_date(self.start_date.checked_add(at).unwrap_or(self.start_date))
    }
}
