//! A key that is asked for: once for all requests that wait for it, before it expires, and when it is refused.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::iter::successors;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use reqwest::header::HeaderValue;
use tokio::time::{Instant, timeout};

use super::api_key::{ApiKey, checked};
use crate::clock::whole_millis;
use crate::error::{Error, ErrorKind};
use crate::wire::redact;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What the user gives: a new future for each time that a key is asked for.
pub(crate) type Ask = Arc<dyn Fn() -> BoxFuture<'static, Result<ApiKey, BoxError>> + Send + Sync>;

/// The source is not asked again this soon after it failed: requests that come meanwhile fail in the same way. A failed poll is
/// not repeated sooner.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long before its end a key is replaced, at most.
const MAX_MARGIN: Duration = Duration::from_secs(60);

/// The keys of one client and its clones.
///
/// The source's future is shared by the requests that wait for it, and is polled by whichever of them is polled. It is neither
/// called nor polled nor dropped under the lock. When the last of them is dropped, it is dropped with it, and the next
/// request asks anew.
pub(crate) struct KeySource {
    ask: Ask,
    /// For one answer of the source.
    time: Duration,
    state: Mutex<State>,
}

type Asking = Shared<BoxFuture<'static, Result<Arc<Key>, NoKey>>>;
type WeakAsking = WeakShared<BoxFuture<'static, Result<Arc<Key>, NoKey>>>;

#[derive(Default)]
struct State {
    key: Option<Arc<Key>>,
    /// How many keys have come.
    came: u64,
    failed: Option<(Instant, NoKey)>,
    asking: Option<WeakAsking>,
}

/// A key that the source gave.
pub(crate) struct Key {
    pub(crate) text: String,
    pub(super) authorization: HeaderValue,
    /// 1 for the first.
    number: u64,
    asked_at: Instant,
    /// When another one is to be asked for.
    refresh_at: Option<Instant>,
    expires_at: Option<Instant>,
}

/// Why there is no key. It passes.
#[derive(Clone, Debug)]
pub(crate) struct NoKey {
    detail: Cow<'static, str>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What a request finds.
enum Found {
    Known(Result<Arc<Key>, NoKey>),
    /// To wait for. The key is good enough if none comes.
    Asked(Asking, Option<Arc<Key>>),
}

/// Makes a source of what the user gives.
pub(crate) fn ask<F, Fut, K, E>(source: F) -> Ask
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<K, E>> + Send + 'static,
    K: Into<ApiKey>,
    E: Into<BoxError>,
{
    Arc::new(move || {
        let answer = source();
        Box::pin(async move { answer.await.map(Into::into).map_err(Into::into) })
    })
}

impl KeySource {
    /// `time`: for one answer of the source.
    pub(crate) fn new(ask: Ask, time: Duration) -> Arc<Self> {
        Arc::new(Self { ask, time, state: Mutex::default() })
    }

    /// The key for a request that is sent now.
    pub(crate) async fn key(self: &Arc<Self>) -> Result<Arc<Key>, NoKey> {
        let (asking, good_enough) = match self.look() {
            Found::Known(result) => return result,
            Found::Asked(asking, good_enough) => (asking, good_enough),
        };
        match (asking.await, good_enough) {
            (Err(_), Some(key)) if !is_over(key.expires_at) => Ok(key),
            (result, _) => result,
        }
    }

    /// Whether there is another key than this one, which was refused now. The source is asked, unless it was since.
    pub(crate) async fn has_another(self: &Arc<Self>, refused: &Key) -> Result<bool, NoKey> {
        let refused_at = Instant::now();
        loop {
            let key = match self.look_after_refusal(refused, refused_at) {
                Found::Known(result) => return result.map(|key| key.text != refused.text),
                Found::Asked(asking, _) => asking.await?,
            };
            // It was asked for before, and is the same: the source may have another one since.
            if !key.is_before(refused, refused_at) {
                return Ok(key.text != refused.text);
            }
        }
    }

    /// The present key, whether or not it is good.
    pub(crate) fn present(&self) -> Option<Arc<Key>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).key.clone()
    }

    fn look(self: &Arc<Self>) -> Found {
        // Declared before the lock is taken, so dropped after it is free.
        let asking;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = state.key.clone().filter(|key| !is_over(key.expires_at));
        if let Some(key) = key.as_ref().filter(|key| !is_over(key.refresh_at)) {
            return Found::Known(Ok(Arc::clone(key)));
        }
        asking = state.asking.as_ref().and_then(WeakShared::upgrade);
        match (key, &asking, state.failed_lately()) {
            // Another request waits for the next key, or none came lately. This one is good enough.
            (Some(key), Some(_), _) | (Some(key), None, Some(_)) => Found::Known(Ok(key)),
            (None, Some(asking), _) => Found::Asked(asking.clone(), None),
            (None, None, Some(failed)) => Found::Known(Err(failed)),
            (key, None, None) => Found::Asked(self.begin(&mut state), key),
        }
    }

    fn look_after_refusal(self: &Arc<Self>, refused: &Key, refused_at: Instant) -> Found {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = state.key.as_ref().filter(|key| key.number > refused.number);
        if let Some(key) = newer.filter(|key| !key.is_before(refused, refused_at)) {
            return Found::Known(Ok(Arc::clone(key)));
        }
        if let Some(asking) = state.asking.as_ref().and_then(WeakShared::upgrade) {
            return Found::Asked(asking, None);
        }
        match state.failed_lately() {
            Some(failed) => Found::Known(Err(failed)),
            None => Found::Asked(self.begin(&mut state), None),
        }
    }

    /// Asks the source, from the first poll on.
    fn begin(self: &Arc<Self>, state: &mut State) -> Asking {
        let source = Arc::clone(self);
        let asking = async move {
            let asked_at = Instant::now();
            let answer = source.answer().await;
            source.note(answer, asked_at)
        };
        let asking = asking.boxed().shared();
        state.asking = asking.downgrade();
        asking
    }

    async fn answer(&self) -> Result<(ApiKey, HeaderValue), NoKey> {
        // The source is called in here, so that a panic of the call is caught as well.
        let answer = async {
            let key = (self.ask)().await.map_err(|error| self.failed(error))?;
            let authorization = checked(key.text()).map_err(|wrong| NoKey {
                detail: format!("the source of the API key gives none that can be used: {wrong}").into(),
                cause: None,
            })?;
            Ok((key, authorization))
        };
        // The timer is in here, too: it panics when the runtime in which it was made has ended.
        let within = AssertUnwindSafe(async { timeout(self.time, answer).await });
        match within.catch_unwind().await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(NoKey::in_time(self.time)),
            Err(_) => {
                let detail = "the source of the API key panicked, or the runtime that asked it has ended";
                Err(NoKey { detail: detail.into(), cause: None })
            }
        }
    }

    fn failed(&self, error: BoxError) -> NoKey {
        let present = self.present();
        let present = present.as_ref().map_or("", |key| &key.text);
        let detail = format!("the source of the API key failed: {}", redact(present, error.to_string().into())).into();
        let mut causes = successors(Some(&*error as &(dyn StdError + 'static)), |cause| (*cause).source());
        // A cause is given on as it is, or not at all.
        let names_key = causes.any(|cause| matches!(redact(present, (&*cause.to_string()).into()), Cow::Owned(_)));
        NoKey { detail, cause: (!names_key).then(|| Arc::from(error)) }
    }

    fn note(&self, answer: Result<(ApiKey, HeaderValue), NoKey>, asked_at: Instant) -> Result<Arc<Key>, NoKey> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asking = None;
        let answer = answer.map(|(key, authorization)| {
            state.came = state.came.saturating_add(1);
            Arc::new(Key::new(key, authorization, state.came, asked_at, now))
        });
        // The error before is dropped outside the lock: it is the user's.
        let before = match &answer {
            Ok(key) => {
                state.key = Some(Arc::clone(key));
                state.failed.take()
            }
            Err(failed) => state.failed.replace((now, failed.clone())),
        };
        drop(state);
        drop(before);
        answer
    }
}

impl State {
    fn failed_lately(&self) -> Option<NoKey> {
        let (at, failed) = self.failed.as_ref()?;
        (at.elapsed() < PAUSE_AFTER_FAILURE).then(|| failed.clone())
    }
}

impl Key {
    fn new(key: ApiKey, authorization: HeaderValue, number: u64, asked_at: Instant, now: Instant) -> Self {
        let (text, expires_in) = key.into_parts();
        let margin = |time: Duration| time.checked_div(10).unwrap_or(time).min(MAX_MARGIN);
        let after = |time: Duration| now.checked_add(time);
        Self {
            text,
            authorization,
            number,
            asked_at,
            refresh_at: expires_in.and_then(|time| after(time.saturating_sub(margin(time)))),
            expires_at: expires_in.and_then(after),
        }
    }

    /// Whether it is the same as this key, and was asked for before that was refused.
    fn is_before(&self, refused: &Self, refused_at: Instant) -> bool {
        self.text == refused.text && self.asked_at < refused_at
    }
}

fn is_over(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at <= Instant::now())
}

impl NoKey {
    /// None came within this time.
    pub(crate) fn in_time(time: Duration) -> Self {
        let detail = format!("the source of the API key gave none within {:?}", whole_millis(time));
        Self { detail: detail.into(), cause: None }
    }

    /// The error of a poll that sends no request for want of a key.
    pub(crate) fn into_error(self) -> Error {
        self.of_kind(ErrorKind::Config).nothing_sent()
    }

    /// The error of a poll whose key was refused, as this error says.
    pub(crate) fn after(self, refusal: &Error) -> Error {
        self.of_kind(refusal.kind()).with_response(refusal.http_status(), refusal.code(), refusal.retry_after())
    }

    fn of_kind(self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, self.detail).passing();
        match self.cause {
            Some(cause) => error.caused_by_shared(cause),
            None => error,
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource").field("time", &self.time).finish_non_exhaustive()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
