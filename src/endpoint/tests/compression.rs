//! A body that is compressed unasked is named as such.

use super::*;

type Headers<'a> = &'a [(&'static str, &'a [u8])];

#[test]
fn compressed_body_is_named_by_its_format() {
    let gzip: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00";
    let zstd: &[u8] = b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00{}";
    let cases: [(&[u8], Headers<'_>, &str); 7] = [
        (gzip, &[("content-encoding", b"gzip")], "gzip"),
        (gzip, &[], "gzip"),
        (b"\x0b\x02\x80{}\x03", &[("content-encoding", b"br")], "br"),
        (b"x\x9c\xab\xae\x05\x00", &[("content-encoding", b"deflate")], "deflate"),
        (zstd, &[("content-encoding", b"zstd")], "zstd"),
        (zstd, &[], "zstd"),
        (b"", &[("content-encoding", b"identity"), ("content-encoding", b"gzip, br")], "gzip, br"),
    ];
    for (body, headers, format) in cases {
        let error = LUMA_MODIFY.read(&"x".into(), reply(200, body, headers), now, "").unwrap_err();
        let says = format!("the body is compressed with {format}, which was not asked for");
        assert!(error.kind() == ErrorKind::Decode && error.to_string().contains(&says), "{error}");
        assert!(error.is_transient());
    }
}

#[test]
fn plain_body_is_read_whatever_the_header_says() {
    for name in [b"gzip" as &[u8], b"identity", b"utf-8"] {
        let body = data(r#""successFlag":0"#);
        let answer = reply(200, body.as_bytes(), &[("content-encoding", name)]);
        assert_eq!(LUMA_MODIFY.read(&"x".into(), answer, now, "").unwrap().status(), Status::Generating);
    }
    let error = LUMA_MODIFY.read(&"x".into(), reply(200, b"<html>", &[("content-encoding", b"identity")]), now, "");
    assert!(error.unwrap_err().to_string().contains("it is not JSON"));
}

#[test]
fn key_in_name_of_format_is_redacted() {
    let answer = reply(200, b"x", &[("content-encoding", b"secret-key")]);
    let error = LUMA_MODIFY.read(&"x".into(), answer, now, "secret-key").unwrap_err().to_string();
    assert!(error.contains("compressed with [key]"), "{error}");
}
