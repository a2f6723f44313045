//! The response headers that matter: `Retry-After` and `Date`.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// A longer `Retry-After` is a mistake. It is cut to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long `Retry-After` (RFC 9110 §10.2.3) asks to wait, given as seconds or as a date. `None` if it is absent or neither.
///
/// A date is compared with the response's own `Date`, so that a wrong clock on this machine does not matter. `now` is
/// asked only if there is no such header.
pub(crate) fn retry_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit still mean "very long".
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        until.duration_since(date(headers).unwrap_or_else(now)).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// When the response was made, by the gateway's clock (RFC 9110 §6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_zero_is_a_wait_of_zero() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "0".parse().unwrap())]);
        assert_eq!(retry_after(&headers, || SystemTime::UNIX_EPOCH), Some(Duration::ZERO));
        assert_eq!(retry_after(&HeaderMap::new(), || SystemTime::UNIX_EPOCH), None);
    }
}
