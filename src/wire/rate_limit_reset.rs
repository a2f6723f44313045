//! When a rate limit resets, by the headers of a refusal.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::headers::{MAX_RETRY_AFTER, date};
use super::wait_text::{Unit, is_unix_time, number, until};

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_RESETS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-reset"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-rate-limit-reset"),
];

/// How long a refusal asks to wait by the headers of its rate limit. `None` if they do not say it clearly.
///
/// - `RateLimit: "name";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers): `t` is in seconds from now. Its draft 7 wrote `reset=30`.
/// - `RateLimit-Reset`, `X-RateLimit-Reset`, `X-Rate-Limit-Reset`: the drafts up to 6 say seconds from now, and so do Zalando's
///   guidelines; GitHub and GitLab send Unix seconds, Rocket.Chat Unix milliseconds. So a number counts only if its size leaves
///   no doubt.
pub(crate) fn reset_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let now = || date(headers).unwrap_or_else(&now);
    let limits = headers
        .get_all(&RATE_LIMIT)
        .iter()
        .map(text)
        .filter_map(|line| line.split(',').filter_map(seconds_to_reset).max());
    let resets =
        RATE_LIMIT_RESETS.iter().flat_map(|header| headers.get_all(header)).map(text).filter_map(|value| match number(
            &value,
            Unit::Seconds,
        )? {
            wait if wait <= MAX_RETRY_AFTER => Some(wait),
            unix if is_unix_time(unix) => until(unix, &now),
            _ => number(&value, Unit::Millis).filter(|unix| is_unix_time(*unix)).and_then(|unix| until(unix, &now)),
        });
    // A reset that is over says nothing about the refusal.
    limits.chain(resets).max().filter(|wait| !wait.is_zero()).map(|wait| wait.min(MAX_RETRY_AFTER))
}

/// The seconds in one limit of a `RateLimit` header. `None` if requests are left: another limit is the reason then.
fn seconds_to_reset(limit: &str) -> Option<Duration> {
    let parameter = |names: [&str; 2]| {
        let mut parameters = limit.split(';').filter_map(|parameter| parameter.split_once('='));
        let (_, value) = parameters.find(|(name, _)| names.contains(&name.trim()))?;
        number(value, Unit::Seconds)
    };
    let is_spent = parameter(["r", "remaining"]).is_none_or(|left| left.is_zero());
    parameter(["t", "reset"]).filter(|_| is_spent)
}
