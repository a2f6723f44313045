//! Durations and rates, as they are written on the command line and on the screen.

use std::time::Duration;

use luma_watch::RateLimit;

/// A limit of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The wait ends after this time.
    After(Duration),
    /// The wait has no end.
    Never,
}

/// Reads `30s`, `1h30m`, `250ms`, or a number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as 30s, 5m, 1h30m or 250ms".to_owned();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let (mut rest, mut sum) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        sum = sum.saturating_add(Duration::from_millis(number.saturating_mul(milliseconds)));
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

/// The characters of a kind at the begin, and the rest.
fn split(text: &str, is_of_kind: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_kind(c)).unwrap_or(text.len()))
}

/// Reads a duration, or `none`.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Never);
    }
    duration(text).map(Limit::After).map_err(|wrong| format!("{wrong}, or none for no limit"))
}

/// Reads `20/10s`, or `2/s`.
pub(crate) fn rate(text: &str) -> Result<RateLimit, String> {
    let wrong = || "write it as 20/10s: 20 requests in 10 seconds".to_owned();
    let (requests, period) = text.split_once('/').ok_or_else(wrong)?;
    let requests = requests.parse().map_err(|_| wrong())?;
    let one = if period.starts_with(|c: char| c.is_ascii_alphabetic()) { "1" } else { "" };
    let period = duration(&format!("{one}{period}")).map_err(|_| wrong())?;
    Ok(RateLimit::per(requests, period))
}

/// As [`duration`] reads it.
pub(crate) fn written(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

/// For a sentence: `0.3 s`, `12 s`, `5 min 9 s`, `1 h 5 min`.
pub(crate) fn spoken(duration: Duration) -> String {
    let tenths = duration.as_millis().saturating_add(50) / 100;
    if tenths == 0 {
        return "0 s".to_owned();
    }
    if tenths < 10 {
        return format!("0.{tenths} s");
    }
    let seconds = duration.as_millis().saturating_add(500) / 1000;
    let (hours, minutes, left) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = match (hours, minutes) {
        (0, 0) => [(left, "s"), (0, "")],
        (0, _) => [(minutes, "min"), (left, "s")],
        _ => [(hours, "h"), (minutes, "min")],
    };
    let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// For a column: `0:05`, `12:40`, `1:05:00`.
pub(crate) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, left) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{left:02}") } else { format!("{minutes}:{left:02}") }
}

/// A number of bytes: `812 B`, `4.2 MB`.
pub(crate) fn bytes(number: u64) -> String {
    let mut unit = 1000_u64;
    for name in ["kB", "MB", "GB"] {
        let next = unit.saturating_mul(1000);
        if number >= unit && (number < next || name == "GB") {
            let tenths = number.saturating_mul(10).checked_div(unit).unwrap_or_default();
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        unit = next;
    }
    format!("{number} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_each_unit() {
        let milliseconds = |text| duration(text).map(|time| time.as_millis());
        for (text, expected) in
            [("30", 30_000), ("30s", 30_000), ("250ms", 250), ("5m", 300_000), ("5min", 300_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "s", "5x", "-1s", "1.5s", "1h 30m", "5m3"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(limit("none"), Ok(Limit::Never));
    }

    #[test]
    fn rates_are_read_with_and_without_a_number_in_the_period() {
        assert_eq!(rate("20/10s"), Ok(RateLimit::per(20, Duration::from_secs(10))));
        assert_eq!(rate("2/s"), Ok(RateLimit::per(2, Duration::from_secs(1))));
        for wrong in ["20", "20/", "x/s", "20/10x"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn written_duration_reads_back() {
        for milliseconds in [0, 250, 1000, 90_000, 5_400_001] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(duration(&written(time)), Ok(time));
        }
    }

    #[test]
    fn times_and_sizes_are_short_to_read() {
        let spoken = |milliseconds| spoken(Duration::from_millis(milliseconds));
        assert_eq!([0, 40, 300, 950, 12_400].map(spoken), ["0 s", "0 s", "0.3 s", "1 s", "12 s"]);
        assert_eq!([60_000, 309_000, 3_900_000].map(spoken), ["1 min", "5 min 9 s", "1 h 5 min"]);
        let clock = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([5, 760, 3900].map(clock), ["0:05", "12:40", "1:05:00"]);
        assert_eq!([812, 1000, 4_250_000, 5_000_000_000_000].map(bytes), ["812 B", "1.0 kB", "4.2 MB", "5000.0 GB"]);
    }
}
