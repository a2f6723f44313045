//! What an answer to a request for a file, or for the rest of a file, means.

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, LAST_MODIFIED};

use super::record::Version;

/// How the bytes of an answer stand to those that are on disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// They are the file from its beginning. `None`: it cannot be gone on with later.
    Whole { size: Option<u64>, version: Option<Version> },
    /// They follow those on disk. With the size of the whole file.
    Rest { size: u64 },
    /// They fit to nothing: what is on disk, if anything, is of no use. With the reason.
    StartOver(String),
    /// It is no file.
    NoFile,
}

/// `sent`: what was asked for, if it was the rest of a file.
pub(super) fn meaning(status: u16, headers: &HeaderMap, sent: Option<(u64, &Version)>) -> Meaning {
    match (status, sent) {
        (200, _) => {
            let size = number(headers, &CONTENT_LENGTH);
            let version = validator(headers).map(|validator| Version { validator, size });
            Meaning::Whole { size, version }
        }
        (206, Some((offset, version))) => match is_rest(headers, offset, version) {
            Ok(size) => Meaning::Rest { size },
            Err(reason) => Meaning::StartOver(format!("the file host answered {reason}")),
        },
        (206, None) => {
            Meaning::StartOver("the file host sent a part of the file, and the whole was asked for".to_owned())
        }
        (416, Some(_)) => Meaning::StartOver("the file host has no such part of the file".to_owned()),
        _ => Meaning::NoFile,
    }
}

/// Whether it is what was asked for (RFC 9110 §14.4). Returns the size of the whole file.
fn is_rest(headers: &HeaderMap, offset: u64, version: &Version) -> Result<u64, String> {
    let Some(range) = text(headers, &CONTENT_RANGE).and_then(|text| ContentRange::parse(&text)) else {
        return Err("without a range that can be read".to_owned());
    };
    if range.first != offset {
        return Err(format!("from byte {}, not from byte {offset}", range.first));
    }
    let last = range.last.checked_add(1);
    let Some(size) = version.size.or(range.total) else {
        // It may be only some of what was asked for.
        return Err("without the size of the file".to_owned());
    };
    if range.total.is_some_and(|total| total != size) || last != Some(size) {
        return Err(format!("with another size than {size} bytes"));
    }
    let length = number(headers, &CONTENT_LENGTH);
    if length.is_some_and(|length| offset.checked_add(length) != last) {
        return Err("with a length that does not fit to its range".to_owned());
    }
    // Some file hosts do not look at If-Range.
    let (header, name) =
        if version.validator.starts_with('"') { (ETAG, "ETag") } else { (LAST_MODIFIED, "Last-Modified") };
    match text(headers, &header) {
        Some(now) if now != version.validator => Err(format!("with another {name}")),
        _ => Ok(size),
    }
}

/// `bytes first-last/total`.
struct ContentRange {
    first: u64,
    last: u64,
    /// `None`: the file host does not know it.
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (digits(first)?, digits(last)?);
        let total = if total == "*" { None } else { Some(digits(total)?) };
        (unit.eq_ignore_ascii_case("bytes") && first <= last).then_some(Self { first, last, total })
    }
}

/// What `If-Range` may carry: a strong `ETag`, or a `Last-Modified` that is older than the answer (RFC 9110 §13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    if let Some(tag) = text(headers, &ETAG) {
        return (tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"')).then_some(tag);
    }
    let modified = text(headers, &LAST_MODIFIED)?;
    let time = |text: &str| httpdate::parse_http_date(text).ok();
    let age = time(&text(headers, &DATE)?)?.duration_since(time(&modified)?).ok()?;
    (age.as_secs() >= 1).then_some(modified)
}

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

fn number(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<u64> {
    digits(&text(headers, name)?)
}

/// Without a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "Fri, 27 Nov 2026 10:00:00 GMT";
    const SECOND_LATER: &str = "Fri, 27 Nov 2026 10:00:01 GMT";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn version(validator: &str, size: Option<u64>) -> Version {
        Version { validator: validator.to_owned(), size }
    }

    #[test]
    fn whole_file_has_version_if_validator_is_strong() {
        let of = |lines: &[_]| match meaning(200, &headers(lines), None) {
            Meaning::Whole { version, .. } => version.map(|version| version.validator),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(&[("etag", "\"a\"")]).as_deref(), Some("\"a\""));
        assert_eq!(of(&[("etag", "W/\"a\""), ("last-modified", DAY), ("date", SECOND_LATER)]), None);
        assert_eq!(of(&[("etag", "a")]), None);
        assert_eq!(of(&[("etag", "\"\"")]), None);
        assert_eq!(of(&[("last-modified", DAY), ("date", SECOND_LATER)]).as_deref(), Some(DAY));
        assert_eq!(of(&[("last-modified", DAY), ("date", DAY)]), None);
        assert_eq!(of(&[("last-modified", DAY)]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn rest_follows_only_if_all_of_it_fits() {
        let known = version("\"a\"", Some(100));
        let of = |lines: &[_]| meaning(206, &headers(lines), Some((40, &known)));
        for lines in [
            &[("content-range", "bytes 40-99/100")][..],
            &[("content-range", "Bytes 40-99/*"), ("content-length", "60"), ("etag", "\"a\"")],
        ] {
            assert_eq!(of(lines), Meaning::Rest { size: 100 }, "{lines:?}");
        }
        for lines in [
            &[][..],
            &[("content-range", "bytes 0-99/100")],
            &[("content-range", "bytes 41-99/100")],
            &[("content-range", "bytes 40-98/100")],
            &[("content-range", "bytes 40-99/101")],
            &[("content-range", "bytes 40-100/101")],
            &[("content-range", "bytes 40-39/100")],
            &[("content-range", "bytes +40-99/100")],
            &[("content-range", "items 40-99/100")],
            &[("content-range", "bytes 40-99/100"), ("content-length", "61")],
            &[("content-range", "bytes 40-99/100"), ("etag", "\"b\"")],
            &[("content-range", "bytes 40-18446744073709551615/*")],
        ] {
            assert!(matches!(of(lines), Meaning::StartOver(_)), "{lines:?}");
        }
    }

    #[test]
    fn rest_of_other_date_or_unknown_size_does_not_follow() {
        let of = |version: &Version, lines: &[_]| meaning(206, &headers(lines), Some((40, version)));
        let dated = version(DAY, None);
        let range = ("content-range", "bytes 40-99/100");
        assert_eq!(of(&dated, &[range]), Meaning::Rest { size: 100 });
        assert_eq!(of(&dated, &[range, ("last-modified", DAY), ("etag", "\"b\"")]), Meaning::Rest { size: 100 });
        assert!(matches!(of(&dated, &[range, ("last-modified", SECOND_LATER)]), Meaning::StartOver(_)));
        assert!(matches!(of(&dated, &[("content-range", "bytes 40-99/*")]), Meaning::StartOver(_)));
    }

    #[test]
    fn other_answers_are_no_file() {
        let known = version("\"a\"", None);
        let sent = Some((40, &known));
        let none = HeaderMap::new();
        assert!(matches!(meaning(206, &none, None), Meaning::StartOver(_)));
        assert!(matches!(meaning(416, &none, sent), Meaning::StartOver(_)));
        for status in [204, 304, 403, 416, 500] {
            assert_eq!(meaning(status, &none, None), Meaning::NoFile, "{status}");
        }
        assert!(matches!(meaning(200, &none, sent), Meaning::Whole { size: None, version: None }));
    }
}
