//! The engine behind both faces: tasks on a clock, faults, and the record of all requests.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde::Serialize;
use tokio::time::Instant;

#[cfg(feature = "callback")]
use super::delivery::Callbacks;
use super::fault::{Fault, FaultKind, Header};
use super::task::{Record, SimulatedTask, millis};
use crate::limiter::SlidingWindow;
use crate::task::TaskId;

const JSON: &str = "application/json";

/// One request that reached the simulator.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it came, in the simulator's time.
    pub at: Duration,
    /// The task it asked about.
    pub task_id: TaskId,
    /// Whether it brought the right key.
    pub authorized: bool,
    /// The HTTP status that it was given; none if the connection was reset or stalled.
    pub status: Option<u16>,
}

pub(super) struct Engine {
    pub(super) api_key: String,
    pub(super) speed: u32,
    pub(super) latency: Duration,
    pub(super) random: fastrand::Rng,
    pub(super) tasks: HashMap<TaskId, (Duration, SimulatedTask)>,
    pub(super) faults: Vec<Fault>,
    pub(super) limit: Option<SlidingWindow>,
    pub(super) requests: Vec<Request>,
    #[cfg(feature = "callback")]
    pub(super) callbacks: Callbacks,
    started: Instant,
    started_at: SystemTime,
}

#[derive(Serialize)]
struct Envelope<'a> {
    code: i64,
    msg: &'a str,
    data: Option<&'a Record<'a>>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Whole(HttpResponse),
    /// Its body breaks off in the middle.
    Truncated(HttpResponse),
    Reset,
    Stall,
}

#[derive(Clone, Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A `Date` tells whole seconds: how old a task looks must not depend on when in a second a test began.
fn this_second() -> SystemTime {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Whether there is room for one more request, which is then counted.
fn admits(limit: &mut SlidingWindow) -> bool {
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
            api_key: "test-key".to_owned(),
            speed: 1,
            latency: Duration::ZERO,
            random: fastrand::Rng::with_seed(0),
            tasks: HashMap::new(),
            faults: Vec::new(),
            limit: None,
            requests: Vec::new(),
            #[cfg(feature = "callback")]
            callbacks: Callbacks::default(),
            started: Instant::now(),
            started_at: this_second(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed().saturating_mul(self.speed)
    }

    pub(super) fn add(&mut self, id: TaskId, task: SimulatedTask) {
        let now = self.now();
        #[cfg(feature = "callback")]
        self.callbacks.add(task.scheduled(&id, now));
        self.tasks.insert(id, (now, task));
    }

    /// When the clock shows this time, unless it stands still.
    #[cfg(feature = "callback")]
    pub(super) fn instant(&self, at: Duration) -> Option<Instant> {
        self.started.checked_add(at.checked_div(self.speed)?)
    }

    /// Answers a request for `id` that came with this key, now.
    pub(super) fn answer(&mut self, id: &TaskId, api_key: Option<&str>) -> Answer {
        let at = self.now();
        let authorized = api_key == Some(self.api_key.as_str());
        let Self { faults, random, limit, .. } = self;
        if limit.as_mut().is_some_and(|limit| !admits(limit)) {
            let page = self.envelope(429, 429, "Rate limit exceeded", None, at);
            self.requests.push(Request { at, task_id: id.clone(), authorized, status: Some(429) });
            return Answer::Whole(page);
        }
        let fault = faults.iter_mut().find_map(|fault| fault.strikes(id, random).then(|| fault.clone()));
        self.faults.retain(|fault| !fault.is_spent());
        let answer = match fault {
            Some(fault) => self.broken(fault, id, authorized, at),
            None => Answer::Whole(self.right(id, authorized, at)),
        };
        let status = match &answer {
            Answer::Whole(page) | Answer::Truncated(page) => Some(page.status),
            Answer::Reset | Answer::Stall => None,
        };
        self.requests.push(Request { at, task_id: id.clone(), authorized, status });
        answer
    }

    fn broken(&self, fault: Fault, id: &TaskId, authorized: bool, at: Duration) -> Answer {
        let mut page = match &fault.kind {
            FaultKind::Reset => return Answer::Reset,
            FaultKind::Stall => return Answer::Stall,
            FaultKind::Truncated => self.right(id, authorized, at),
            FaultKind::Status(status) => {
                let html = format!("<html><body><h1>{status}</h1></body></html>");
                self.page(*status, "text/html", html.into(), at)
            }
            FaultKind::Envelope { code, message } => self.envelope(200, *code, message, None, at),
            FaultKind::Body(body) => self.page(200, JSON, body.clone(), at),
        };
        for (name, value) in fault.headers {
            let value = match value {
                Header::Text(text) => text,
                Header::DateAfter(wait) => self.date(at.saturating_add(wait)),
            };
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                page.headers.insert(name, value);
            }
        }
        // How long the body is follows from the body.
        page.headers.remove(CONTENT_LENGTH);
        page.headers.remove(TRANSFER_ENCODING);
        if matches!(fault.kind, FaultKind::Truncated) { Answer::Truncated(page) } else { Answer::Whole(page) }
    }

    fn right(&self, id: &TaskId, authorized: bool, at: Duration) -> HttpResponse {
        if !authorized {
            return self.envelope(401, 401, "You do not have access permissions", None, at);
        }
        let record = self.tasks.get(id).and_then(|(born, task)| {
            let unix = self.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            task.record(id, at.saturating_sub(*born), millis(unix.saturating_add(*born)))
        });
        match record {
            Some(record) => self.envelope(200, 200, "success", Some(&record), at),
            None => self.envelope(200, 422, "recordInfo is null", None, at),
        }
    }

    pub(super) fn envelope(
        &self,
        status: u16,
        code: i64,
        message: &str,
        data: Option<&Record<'_>>,
        at: Duration,
    ) -> HttpResponse {
        // Texts and numbers under names: what could fail has no part in it.
        let body = serde_json::to_vec(&Envelope { code, msg: message, data }).unwrap_or_default();
        self.page(status, JSON, body.into(), at)
    }

    fn page(&self, status: u16, content_type: &'static str, body: Bytes, at: Duration) -> HttpResponse {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(date) = HeaderValue::try_from(self.date(at)) {
            headers.insert(DATE, date);
        }
        HttpResponse { status, headers, body }
    }

    fn date(&self, at: Duration) -> String {
        httpdate::fmt_http_date(self.started_at.checked_add(at).unwrap_or(self.started_at))
    }
}
