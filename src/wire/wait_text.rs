//! A wait as a header writes it: a number with or without a unit, or a date.

use std::time::{Duration, SystemTime};

use super::time::{from_text, offset, system_time};

/// Whether a number of seconds is a Unix time: from 2001 to the year 5138. Nobody asks to wait for 31 years.
pub(super) fn is_unix_time(seconds: Duration) -> bool {
    (1_000_000_000..100_000_000_000).contains(&seconds.as_secs())
}

/// Seconds to wait, a Unix time, or a date of HTTP or of ISO 8601.
pub(super) fn seconds_or_date(text: &str, now: &dyn Fn() -> SystemTime) -> Option<Duration> {
    if let Some(wait) = number(text, Unit::Seconds) {
        return if is_unix_time(wait) { until(wait, now) } else { Some(wait) };
    }
    let date = from_text(text).ok().or_else(|| {
        // `Fri, 18 Jul 2025 07:55:43 +0000`: the zone is not as RFC 9110 wants it.
        let (date, zone) = text.trim().rsplit_once(' ')?;
        from_text(&format!("{date} GMT")).ok()?.checked_sub(offset(zone)?.checked_mul(1000)?)
    });
    Some(system_time(date?)?.duration_since(now()).unwrap_or_default())
}

/// The time from now to a Unix time. Zero if it is over.
pub(super) fn until(unix: Duration, now: &dyn Fn() -> SystemTime) -> Option<Duration> {
    Some(SystemTime::UNIX_EPOCH.checked_add(unix)?.duration_since(now()).unwrap_or_default())
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

/// A number with or without unit, sign, fraction and quotes: `5`, `+5`, `2.5`, `5s`, `"5"`, `500 ms`. It is rounded up to
/// milliseconds.
pub(super) fn number(text: &str, unit: Unit) -> Option<Duration> {
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
