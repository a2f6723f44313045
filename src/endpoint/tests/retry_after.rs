//! `Retry-After` is read in both its forms, by the answer's own clock, and nonsense in it is no wait.

use super::*;

type Headers<'a> = &'a [(&'static str, &'a [u8])];

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
        (b"+5", None, Some(5)),
        (b"5s", None, Some(5)),
        (b"\"5\"", None, Some(5)),
        (b"5, 7, soon, 6", None, Some(7)),
        (b"1752825343", None, Some(90)), // a Unix time
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
        (b"Fri, 18 Jul 2025 07:55:43 UTC", None, Some(90)),
        (b"Fri, 18 Jul 2025 07:55:43 +0000", None, Some(90)),
        (b"Fri, 18 Jul 2025 09:55:43 +0200", None, Some(90)),
        (b"Fri, 18 Jul 2025 07:54:23 GMT, Fri, 18 Jul 2025 07:55:43 GMT", None, Some(90)),
        (b"3, Fri, 18 Jul 2025 07:55:43 GMT", None, Some(90)),
        (b"2025-07-18T07:55:43Z", None, Some(90)),
        (b"2025-07-18T07:55:43", None, None),
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

/// The error of a refusal with these headers.
fn refused(status: u16, headers: &[(&'static str, &[u8])]) -> Error {
    LUMA_MODIFY.read(&"x".into(), reply(status, b"", headers), now, "the-api-key").unwrap_err()
}

#[test]
fn longest_of_several_waits_counts() {
    let cases: &[(Headers<'_>, u64)] = &[
        (&[("retry-after", b""), ("retry-after", b"5")], 5_000),
        (&[("retry-after", b"5"), ("retry-after", b"")], 5_000),
        (&[("retry-after", b"5"), ("retry-after", b"60"), ("retry-after", b"7")], 60_000),
        (&[("retry-after", b"soon"), ("retry-after", b"5")], 5_000),
        (&[("retry-after", b"2.5")], 2_500),
        (&[("retry-after", b"2.0001")], 2_001),
        (&[("retry-after-ms", b"1500")], 1_500),
        (&[("retry-after-ms", b"0.5")], 1),
        (&[("retry-after-ms", b"1500"), ("retry-after", b"1")], 1_500),
        (&[("retry-after-ms", b"1500"), ("retry-after", b"2")], 2_000),
        (&[("retry-after-ms", b"-1"), ("retry-after", b"2")], 2_000),
    ];
    for (headers, millis) in cases {
        for status in [429, 500, 200] {
            let shown = format!("{headers:?} {status}");
            assert_eq!(refused(status, headers).retry_after(), Some(Duration::from_millis(*millis)), "{shown}");
        }
    }
}

#[test]
fn wait_that_cannot_be_read_is_told() {
    let long = b"tomorrow, or the day after, when the machines have come back from where they are";
    let cases: &[(&'static str, &[u8], &str)] = &[
        ("retry-after", b"soon", r#"its Retry-After "soon" cannot be read"#),
        ("retry-after", b"-1", r#"its Retry-After "-1" cannot be read"#),
        ("retry-after", b"NaN", r#"its Retry-After "NaN" cannot be read"#),
        ("retry-after", b"5, soon", r#"its Retry-After "soon" cannot be read; retry after 5s"#),
        ("retry-after", b"the-api-key", r#"its Retry-After "[key]" cannot be read"#),
        ("retry-after", b"\xff\t\xe9", "its Retry-After \"\u{fffd}\\t\u{fffd}\" cannot be read"),
        ("retry-after-ms", b"1e9", r#"its retry-after-ms "1e9" cannot be read"#),
        ("retry-after", long, r#"its Retry-After "tomorrow" cannot be read"#),
        ("retry-after", &[b'a'; 900], "a\" cannot be read"),
    ];
    for (name, value, says) in cases {
        for status in [429, 500, 200] {
            let text = refused(status, &[(name, value)]).to_string();
            let text = text.replace(&format!(" (HTTP {status})"), "");
            assert!(text.contains(says) && text.chars().count() < 160 && !text.contains('\n'), "{text}");
        }
    }
    for headers in [&[][..], &[("retry-after", b"" as &[u8])], &[("retry-after", b"5")]] {
        assert!(!refused(429, headers).to_string().contains("cannot be read"));
    }
}

#[test]
fn refusal_without_retry_after_waits_for_reset() {
    let cases: &[(Headers<'_>, Option<u64>)] = &[
        (&[("ratelimit", b"\"default\";r=0;t=30")], Some(30)),
        (&[("ratelimit", b"\"minute\";r=0;t=30, \"day\";r=50;t=3000")], Some(30)),
        (&[("ratelimit", b"limit=100, remaining=0, reset=7")], Some(7)),
        (&[("ratelimit", b"\"default\";r=3;t=30")], None),
        (&[("ratelimit-reset", b"30")], Some(30)),
        (&[("x-ratelimit-reset", b"30")], Some(30)),
        (&[("x-rate-limit-reset", b"30")], Some(30)),
        (&[("x-ratelimit-reset", b"1752825343")], Some(90)),
        (&[("x-ratelimit-reset", b"1752825343000")], Some(90)),
        (&[("x-ratelimit-reset", b"1752825343"), ("date", b"Fri, 18 Jul 2025 07:55:13 GMT")], Some(30)),
        (&[("x-ratelimit-reset", b"1752820000")], None), // it is over
        (&[("x-ratelimit-reset", b"100000000")], None),  // neither a wait nor a time
        (&[("x-ratelimit-reset", b"0")], None),
        (&[("x-ratelimit-reset", b"-5")], None),
        (&[("x-ratelimit-reset", b"NaN")], None),
        (&[("x-ratelimit-reset", b"1e99")], None),
        (&[("x-ratelimit-reset", b"99999999999999999999999")], None),
        (&[("x-ratelimit-reset", b"30"), ("retry-after", b"5")], Some(5)),
    ];
    for (headers, seconds) in cases {
        for status in [429, 430, 455, 503] {
            assert_eq!(refused(status, headers).retry_after(), seconds.map(Duration::from_secs), "{headers:?}");
        }
        if !headers.iter().any(|(name, _)| *name == "retry-after") {
            for status in [200, 401, 404, 500] {
                assert_eq!(refused(status, headers).retry_after(), None, "{headers:?}");
            }
        }
    }
}

#[test]
fn good_answer_asks_to_wait_by_retry_after_only() {
    let headers = |fields: &[(&'static str, &[u8])]| reply(200, b"", fields).headers;
    let wait = |fields| crate::wire::retry_after(&headers(fields), now);
    assert_eq!(wait(&[("ratelimit", b"r=0;t=30"), ("x-ratelimit-reset", b"30"), ("ratelimit-reset", b"30")]), None);
    assert_eq!(wait(&[("retry-after", b"2.5")]), Some(Duration::from_millis(2_500)));
}
