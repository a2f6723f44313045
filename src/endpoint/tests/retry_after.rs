//! `Retry-After` is read in both its forms, by the answer's own clock, and nonsense in it is no wait.

use super::*;

#[test]
fn retry_after_is_read_in_both_forms() {
    let day = Some(24 * 60 * 60);
    // The header, the answer's own Date if it has one, seconds to wait.
    let cases: &[(&[u8], Option<&str>, Option<u64>)] = &[
        (b"0", None, Some(0)),
        (b"120", None, Some(120)),
        (b" 5 ", None, Some(5)),
        (b"007", None, Some(7)),
        (b"86401", None, day),
        (b"100000000000000000000", None, day),
        (b"-1", None, None),
        (b"+5", None, None),
        (b"1.5", None, None),
        (b"1e3", None, None),
        (b"soon", None, None),
        (b"", None, None),
        ("５".as_bytes(), None, None),
        (b"\xff", None, None),
        (b"Fri, 18 Jul 2025 07:55:43 GMT", None, Some(90)),
        (b"Fri, 18 Jul 2025 07:55:43 GMT", Some("Fri, 18 Jul 2025 07:55:13 GMT"), Some(30)),
        (b"Fri, 18 Jul 2025 07:55:43 GMT", Some("Fri, 18 Jul 2025 07:56:13 GMT"), Some(0)),
        (b"Fri, 18 Jul 2025 07:55:43 GMT", Some("today"), Some(90)),
        (b"Fri, 18 Jul 2025 07:54:13 GMT", None, Some(0)),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", None, Some(0)),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", None, day),
        (b"Friday, 18-Jul-25 07:54:23 GMT", None, Some(10)),
        (b"Fri Jul 18 07:54:23 2025", None, Some(10)),
        (b"Fri, 99 Jul 2025 07:54:23 GMT", None, None),
    ];
    for (value, date, seconds) in cases {
        let mut headers = vec![("retry-after", *value)];
        headers.extend(date.map(|date| ("date", date.as_bytes())));
        let error = LUMA_MODIFY.read(&"x".into(), reply(429, b"", &headers), now, "").unwrap_err();
        let shown = String::from_utf8_lossy(value);
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{shown} {date:?}");
        assert_eq!(error.kind(), ErrorKind::RateLimited);
    }
    let without = ask(429, "").unwrap_err();
    assert_eq!(without.retry_after(), None);
}
