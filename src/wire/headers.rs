//! How long the response headers ask to wait, and when the response was made.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use super::text::redact;
use super::wait_text::{Unit, number, seconds_or_date};

/// A longer wait is a mistake. It is cut to this.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// In milliseconds. Some API gateways send it, for waits that are no whole seconds.
static RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What the headers say about the next request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedWait {
    pub(crate) wait: Option<Duration>,
    /// The name and the value of a header that cannot be read.
    pub(crate) unreadable: Option<(&'static str, String)>,
}

impl AskedWait {
    /// Says which header cannot be read, if there is one, with the API key taken out.
    pub(crate) fn remark(&self, secret: &str) -> Option<String> {
        const MAX_CHARS: usize = 40;
        let (name, value) = self.unreadable.as_ref()?;
        let value = redact(secret, value.into());
        let short: String = value.trim().chars().take(MAX_CHARS).collect();
        Some(format!("its {name} {short:?} cannot be read"))
    }
}

/// How long a `Retry-After` (RFC 9110 §10.2.3) asks to wait. It costs little if there is none.
pub(crate) fn retry_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    headers.get(RETRY_AFTER)?;
    asked_wait(headers, now).wait
}

/// How long `Retry-After` and `retry-after-ms` ask to wait: the longest of all readable values. `now` is asked only if a value
/// is a date and there is no `Date` header: a date is compared with the response's own, so that a wrong clock on this machine
/// does not matter.
pub(crate) fn asked_wait(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> AskedWait {
    let mut asked = AskedWait::default();
    let now = || date(headers).unwrap_or_else(&now);
    for (header, name) in [(&RETRY_AFTER, "Retry-After"), (&RETRY_AFTER_MS, "retry-after-ms")] {
        for line in headers.get_all(header) {
            let line = String::from_utf8_lossy(line.as_bytes());
            for value in values(&line) {
                let wait =
                    if header == RETRY_AFTER { seconds_or_date(&value, &now) } else { number(&value, Unit::Millis) };
                match wait {
                    Some(wait) => asked.wait = asked.wait.max(Some(wait.min(MAX_RETRY_AFTER))),
                    None if asked.unreadable.is_none() => asked.unreadable = Some((name, value)),
                    None => {}
                }
            }
        }
    }
    asked
}

/// When the response was made, by the gateway's clock (RFC 9110 §6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// The values in a line, separated by commas. A date has a comma of its own, behind its day of the week.
fn values(line: &str) -> Vec<String> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let is_day = |text: &str| DAYS.iter().any(|day| text.to_ascii_lowercase().starts_with(day));
    let (mut values, mut parts) = (Vec::new(), line.split(','));
    while let Some(part) = parts.next() {
        let part = part.trim();
        let rest = if is_day(part) && !part.contains(' ') { parts.next() } else { None };
        values.push(rest.map_or_else(|| part.to_owned(), |rest| format!("{part},{rest}")));
    }
    values.retain(|value| !value.is_empty());
    values
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
