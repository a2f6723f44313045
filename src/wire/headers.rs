//! How long the response headers ask to wait, and when the response was made.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::text::excerpt;
use super::time::{from_text, offset, system_time};

/// A longer wait is a mistake. It is cut to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// From here on a number of seconds is a Unix time (since 2001): nobody asks to wait for 31 years.
const MIN_UNIX_SECONDS: Duration = Duration::from_secs(1_000_000_000);
/// From here on it is neither (the year 5138).
const MAX_UNIX_SECONDS: Duration = Duration::from_secs(100_000_000_000);

/// In milliseconds. Some API gateways send it, for waits that are no whole seconds.
static RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_RESETS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-reset"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-rate-limit-reset"),
];

/// What the headers say about the next request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedWait {
    pub(crate) wait: Option<Duration>,
    /// What is there and cannot be read, in words.
    pub(crate) unreadable: Option<String>,
}

/// How long a `Retry-After` (RFC 9110 §10.2.3) asks to wait. It costs little if there is none.
pub(crate) fn retry_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    headers.get(RETRY_AFTER)?;
    asked_wait(headers, now).wait
}

/// How long `Retry-After` and `retry-after-ms` ask to wait: the longest of all readable values. `now` is asked only if a value is a date
/// and there is no `Date` header: a date is compared with the response's own, so that a wrong clock on this machine does not matter.
pub(crate) fn asked_wait(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> AskedWait {
    let mut asked = AskedWait::default();
    let in_seconds = |text: &str| seconds_or_date(text, &|| date(headers).unwrap_or_else(&now));
    let in_millis = |text: &str| number(text, Unit::Millis);
    let kinds: [(_, _, &dyn Fn(&str) -> Option<Duration>); 2] =
        [(&RETRY_AFTER, "Retry-After", &in_seconds), (&RETRY_AFTER_MS, "retry-after-ms", &in_millis)];
    for (header, name, read) in kinds {
        for line in headers.get_all(header) {
            let line = String::from_utf8_lossy(line.as_bytes());
            for value in values(&line) {
                match read(&value) {
                    Some(wait) => asked.wait = asked.wait.max(Some(wait.min(MAX_RETRY_AFTER))),
                    None if asked.unreadable.is_none() => asked.unreadable = Some(cannot_be_read(name, &value)),
                    None => {}
                }
            }
        }
    }
    asked
}

/// How long a refusal asks to wait by the headers of its rate limit. `None` if they do not say it clearly.
///
/// - `RateLimit: "name";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers): `t` is in seconds from now. Its draft 7 wrote `reset=30`.
/// - `RateLimit-Reset`, `X-RateLimit-Reset`, `X-Rate-Limit-Reset`: the drafts up to 6 say seconds from now, and so do Zalando's guidelines;
///   GitHub and GitLab send Unix seconds, Rocket.Chat Unix milliseconds. So a number counts only if its size leaves no doubt.
pub(crate) fn reset_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let now = || date(headers).unwrap_or_else(&now);
    let limits = headers
        .get_all(&RATE_LIMIT)
        .iter()
        .map(text)
        .filter_map(|line| line.split(',').filter_map(|limit| seconds_to_reset(limit)).max());
    let resets =
        RATE_LIMIT_RESETS.iter().flat_map(|header| headers.get_all(header)).map(text).filter_map(|value| match number(
            &value,
            Unit::Seconds,
        )? {
            wait if wait <= MAX_RETRY_AFTER => Some(wait),
            unix if (MIN_UNIX_SECONDS..MAX_UNIX_SECONDS).contains(&unix) => until(unix, &now),
            millis if (MIN_UNIX_SECONDS..MAX_UNIX_SECONDS).contains(&(millis / 1000)) => until(millis / 1000, &now),
            _ => None,
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

fn cannot_be_read(name: &str, value: &str) -> String {
    const MAX_CHARS: usize = 40;
    let short: String = excerpt(value).chars().take(MAX_CHARS).collect();
    format!("its {name} {short:?} cannot be read")
}

fn seconds_or_date(text: &str, now: &dyn Fn() -> SystemTime) -> Option<Duration> {
    if let Some(wait) = number(text, Unit::Seconds) {
        let is_unix_time = (MIN_UNIX_SECONDS..MAX_UNIX_SECONDS).contains(&wait);
        return if is_unix_time { until(wait, now) } else { Some(wait) };
    }
    let date = from_text(text).ok().or_else(|| {
        // `Fri, 18 Jul 2025 07:55:43 +0000`: the zone is not as RFC 9110 wants it.
        let (date, zone) = text.trim().rsplit_once(' ')?;
        from_text(&format!("{date} GMT")).ok()?.checked_sub(offset(zone)?.checked_mul(1000)?)
    });
    Some(system_time(date?)?.duration_since(now()).unwrap_or_default())
}

/// The time from now to a Unix time. Zero if it is over.
fn until(unix: Duration, now: &dyn Fn() -> SystemTime) -> Option<Duration> {
    Some(SystemTime::UNIX_EPOCH.checked_add(unix)?.duration_since(now()).unwrap_or_default())
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Millis,
}

/// A number with or without unit, sign, fraction and quotes: `5`, `+5`, `2.5`, `5s`, `"5"`, `500 ms`. It is rounded up to milliseconds.
fn number(text: &str, unit: Unit) -> Option<Duration> {
    let text = text.trim();
    let bare = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = bare.unwrap_or(text).trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, rest) = leading_digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), leading_digits);
    if whole.is_empty() || rest.starts_with('.') || text.strip_suffix('.').is_some() {
        return None;
    }
    let unit = match rest.trim().to_ascii_lowercase().as_str() {
        "" => unit,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Seconds,
        "ms" | "msec" | "millis" | "milliseconds" => Unit::Millis,
        _ => return None,
    };
    // More digits than fit still mean "very long".
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    let (whole, part, cut) = match unit {
        Unit::Seconds => {
            let (millis, cut) = fraction.split_at_checked(3).unwrap_or((fraction, ""));
            (Duration::from_secs(whole), format!("{millis:0<3}").parse().ok()?, cut)
        }
        Unit::Millis => (Duration::from_millis(whole), 0, fraction),
    };
    let rounded = if is_zero(cut) { Duration::ZERO } else { Duration::from_millis(1) };
    Some(whole.saturating_add(Duration::from_millis(part)).saturating_add(rounded))
}

fn leading_digits(text: &str) -> (&str, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(length).unwrap_or((text, ""))
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

    #[test]
    fn number_is_rounded_up_to_milliseconds() {
        for (text, millis) in [
            ("0", 0),
            ("5", 5_000),
            ("2.5", 2_500),
            ("0.0001", 1),
            ("1.0010", 1_001),
            ("1.0011", 1_002),
            ("0.9999", 1_000),
            ("4.35", 4_350),
            (" '7' ", 7_000),
            ("500ms", 500),
            ("1.5 ms", 2),
            ("+3 Seconds", 3_000),
        ] {
            assert_eq!(number(text, Unit::Seconds), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(number("1500", Unit::Millis), Some(Duration::from_millis(1_500)));
        assert_eq!(number("0.5", Unit::Millis), Some(Duration::from_millis(1)));
        assert_eq!(number("2s", Unit::Millis), Some(Duration::from_secs(2)));
        for text in ["", "-1", "NaN", "inf", "1e3", "5m", "1.2.3", ".5", "5.", "\"5", "++5", "0x5", "5 6", "５"] {
            assert_eq!(number(text, Unit::Seconds), None, "{text}");
        }
    }
}
