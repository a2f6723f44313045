//! Times as the gateway writes them, read as Unix milliseconds: numbers by their size, texts only if they say in which zone they
//! are.

use std::time::{Duration, SystemTime};

/// Below this a number counts seconds (until the year 5138), from here on milliseconds (since 1973).
const MIN_MILLIS: i64 = 100_000_000_000;
/// The end of the year 9999. A later time is a mistake.
const MAX_MILLIS: i64 = 253_402_300_799_999;

/// Whether a number counts milliseconds, or stands for no time.
pub(crate) fn is_usual(number: i64) -> bool {
    number == 0 || (MIN_MILLIS..=MAX_MILLIS).contains(&number)
}

/// What a number of seconds or of milliseconds says, in milliseconds.
pub(crate) fn from_number(number: f64) -> Option<i64> {
    #[allow(clippy::cast_precision_loss)] // both are below 2^53
    const LIMITS: (f64, f64) = (MIN_MILLIS as f64, MAX_MILLIS as f64);
    let millis = if number < LIMITS.0 { number * 1000.0 } else { number }.round();
    #[allow(clippy::cast_possible_truncation)] // a whole number below 2^53
    (0.0..=LIMITS.1).contains(&millis).then_some(millis as i64)
}

/// Why a text is no time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotATime {
    /// It is one, but nothing says in which zone.
    NoZone,
    Other,
}

/// What a text says in ISO 8601, RFC 3339 or as an HTTP date: `2026-01-06T08:16:56.5+08:00`, for example. A blank instead of the
/// `T`, no seconds, and an offset without colon or minutes are accepted too.
pub(crate) fn from_text(text: &str) -> Result<i64, NotATime> {
    let text = text.trim();
    if let Ok(date) = httpdate::parse_http_date(text) {
        let millis = date.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| NotATime::Other)?.as_millis();
        return i64::try_from(millis).map_err(|_| NotATime::Other);
    }
    let (local, zone) = local_time(text).ok_or(NotATime::Other)?;
    if zone.is_empty() {
        return Err(NotATime::NoZone);
    }
    let offset = offset(zone).ok_or(NotATime::Other)?;
    let millis = local.checked_sub(offset.saturating_mul(1000));
    millis.filter(|millis| (0..=MAX_MILLIS).contains(millis)).ok_or(NotATime::Other)
}

/// The seconds by which a zone is ahead of UTC: `Z`, `UTC`, `GMT`, `+08:00`, `+0800`, `+08`.
pub(super) fn offset(zone: &str) -> Option<i64> {
    if ["z", "utc", "gmt", "ut"].iter().any(|utc| zone.eq_ignore_ascii_case(utc)) {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(zone.get(1..)?, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        minutes => digits(minutes, 2).filter(|(_, rest)| rest.is_empty())?.0,
    };
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    (hours < 24 && minutes < 60).then(|| seconds.saturating_mul(sign))
}

/// The milliseconds of a date and a time as if they were UTC, and what follows.
fn local_time(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = digits(rest.strip_prefix(['T', 't', ' '])?, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut millis) = (0, 0);
    if let Some(seconds) = rest.strip_prefix(':') {
        (second, rest) = digits(seconds, 2)?;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, after) = fraction.split_at_checked(length).filter(|_| length > 0)?;
            let padded = [fraction, "00"].concat();
            (millis, _) = digits(&padded, 3)?;
            rest = after;
        }
    }
    // A leap second is the first one of the next minute.
    if !(1..=days_in(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let units = [(hour, 24), (minute, 60), (second, 60), (millis, 1000)];
    let millis = units
        .iter()
        .try_fold(days_from_civil(year, month, day)?, |sum, (unit, per)| sum.checked_mul(*per)?.checked_add(*unit));
    Some((millis?, rest.trim()))
}

/// The number in the first digits, and what follows.
fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| Some((digits.parse().ok()?, rest)))?
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let is_leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if is_leap => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// The days from 1970-01-01 to a date of the Gregorian calendar. The year starts with March here, so that a leap day is its last.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = month.checked_add(9)?.rem_euclid(12);
    let leap_days = year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    let before = month.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let days = year.checked_mul(365)?.checked_add(leap_days)?.checked_add(before)?.checked_add(day)?;
    days.checked_sub(719_469)
}

/// The same as a time of this machine.
pub(super) fn system_time(millis: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(millis).ok()?))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // in bounds by the strategies
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    /// 2026-01-06T08:16:56Z
    const TIME: i64 = 1_767_687_416_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn text_with_a_zone_is_a_time() {
        for (text, millis) in [
            ("2026-01-06T08:16:56Z", TIME),
            (" 2026-01-06t08:16:56z\n", TIME),
            ("2026-01-06 08:16:56+00:00", TIME),
            ("2026-01-06 08:16:56 UTC", TIME),
            ("2026-01-06 08:16:56 GMT", TIME),
            ("2026-01-06T08:16:56-00:00", TIME),
            ("2026-01-06T08:16:56+08:00", TIME - 8 * HOUR),
            ("2026-01-06T08:16:56+0800", TIME - 8 * HOUR),
            ("2026-01-06 08:16:56 +08", TIME - 8 * HOUR),
            ("2026-01-06T08:16:56-03:30", TIME + 3 * HOUR + HOUR / 2),
            ("2026-01-06T08:16:56.5Z", TIME + 500),
            ("2026-01-06T08:16:56.123456789+00:00", TIME + 123),
            ("2026-01-06T08:16:56,007Z", TIME + 7),
            ("2026-01-06T08:16Z", TIME - 56_000),
            ("2026-01-06T08:16:60Z", TIME + 4_000),
            ("Tue, 06 Jan 2026 08:16:56 GMT", TIME),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T08:00:00+08:00", 0),
        ] {
            assert_eq!(from_text(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn text_without_a_zone_is_not_a_time() {
        for text in ["2026-01-06 08:16:56", "2026-01-06T08:16:56.123", "2026-01-06T08:16"] {
            assert_eq!(from_text(text), Err(NotATime::NoZone), "{text}");
        }
        for text in [
            "",
            "soon",
            "2026-01-06",
            "2026-13-06T08:16:56Z",
            "2026-02-29T08:16:56Z",
            "2026-01-00T08:16:56Z",
            "2026-01-06T24:16:56Z",
            "2026-01-06T08:60:56Z",
            "2026-01-06T08:16:61Z",
            "2026-01-06T08:16:56.Z",
            "2026-01-06T08:16:56+8",
            "2026-01-06T08:16:56+08:",
            "2026-01-06T08:16:56+24:00",
            "2026-01-06T08:16:56 CST",
            "2026-1-6T08:16:56Z",
            "+2026-01-06T08:16:56Z",
            "1969-12-31T23:59:59Z",
            "２026-01-06T08:16:56Z",
            "2026-01-06T08:16:56Zoo",
        ] {
            assert_eq!(from_text(text), Err(NotATime::Other), "{text}");
        }
    }

    #[test]
    fn number_is_read_by_its_size() {
        for (number, millis) in [
            (1_767_687_416.0, Some(TIME)),
            (1_767_687_416.25, Some(TIME + 250)),
            (1_767_687_416_000.0, Some(TIME)),
            (1_767_687_416_000.4, Some(TIME)),
            (99_999_999_999.0, Some(99_999_999_999_000)),
            (1e11, Some(100_000_000_000)),
            (1.0, Some(1_000)),
            (1e300, None),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1_767_687_416_000_000.0, None), // microseconds
        ] {
            assert_eq!(from_number(number), millis, "{number}");
        }
        assert!(is_usual(0) && is_usual(TIME) && is_usual(MIN_MILLIS) && is_usual(MAX_MILLIS));
        assert!(!is_usual(1) && !is_usual(-TIME) && !is_usual(MIN_MILLIS - 1) && !is_usual(i64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_second_is_read_as_another_crate_writes_it(second in 0..253_402_300_799_u64, millis in 0..1000_i64, hours in -23..24_i64) {
            // `Tue, 06 Jan 2026 08:16:56 GMT`, by the crate httpdate.
            let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
            let parts: Vec<_> = date.split(' ').collect();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|month| *month == parts[2]).unwrap() + 1;
            let text = format!("{}-{month:02}-{}T{}.{millis:03}{hours:+03}:00", parts[3], parts[1], parts[4]);
            let expected = i64::try_from(second).unwrap() * 1000 + millis - hours * HOUR;
            let expected = Some(expected).filter(|time| (0..=MAX_MILLIS).contains(time)).ok_or(NotATime::Other);
            prop_assert_eq!(from_text(&text), expected, "{}", text);
            prop_assert_eq!(from_text(&date), Ok(i64::try_from(second).unwrap() * 1000));
        }

        #[test]
        fn no_text_panics(text in prop_oneof![any::<String>(), "[0-9T:.,+Zz -]{0,40}"]) {
            drop(from_text(&text));
        }
    }
}
