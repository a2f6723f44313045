//! An answer without a record becomes the kind of error that its code, or else its HTTP status, means.

use super::*;

#[test]
fn http_status_and_body_code_are_read_together() {
    use ErrorKind as K;
    const NULL_RECORD: &str = "recordInfo is null";
    // HTTP status, the body's code (0: no envelope but HTML), its message, what it is.
    let cases = [
        (200, 401, "", K::Unauthorized),
        (403, 0, "", K::Unauthorized),
        (500, 401, "", K::Unauthorized),
        (200, 403, "", K::Unauthorized),
        (401, 429, "", K::RateLimited),
        (200, 404, "", K::NotFound),
        (404, 0, "", K::NotFound),
        (200, 422, NULL_RECORD, K::NotFound),
        (422, 422, NULL_RECORD, K::NotFound),
        (200, 422, "taskId cannot be empty", K::InvalidRequest),
        (422, 0, "", K::InvalidRequest),
        (200, 400, NULL_RECORD, K::InvalidRequest),
        (200, 402, "no credits", K::InvalidRequest),
        (405, 0, "", K::InvalidRequest),
        (418, 0, "", K::InvalidRequest),
        (408, 0, "", K::Transport),
        (200, 425, "", K::Transport),
        (429, 0, "", K::RateLimited),
        (200, 430, "", K::RateLimited),
        (200, 455, "", K::Maintenance),
        (503, 0, "", K::Maintenance),
        (500, 0, "", K::Server),
        (501, 0, "", K::Server),
        (502, 0, "", K::Server),
        (504, 0, "", K::Server),
        (200, 500, "", K::Server),
        (200, 505, "", K::Server),
        (599, 0, "", K::Server),
        (301, 0, "", K::Server),
        (307, 0, "", K::Server),
        (101, 0, "", K::Server),
        (200, 0, "", K::Decode),
        (204, 0, "", K::Decode),
        (200, 302, "", K::Decode),
        (200, -7, "", K::Decode),
        (404, 200, "", K::NotFound), // a success without a record says nothing
    ];
    for (status, code, message, kind) in cases {
        let body = match code {
            0 => "<html><body>no</body></html>".to_owned(),
            _ => format!(r#"{{"code":{code},"msg":"{message}","data":null}}"#),
        };
        let error = ask(status, body).unwrap_err();
        assert_eq!(error.kind(), kind, "HTTP {status}, code {code}: {error}");
        assert_eq!(error.http_status(), Some(status));
        assert_eq!(error.code(), Some(code).filter(|code| *code != 0));
        assert!(error.to_string().contains(message), "{error}");
    }
    // Without a code in the body the HTTP status decides, whatever else is JSON in it.
    for (status, body, kind) in [
        (404, r#"{"error":"no"}"#, K::NotFound),
        (422, r#"{"msg":"recordInfo is null"}"#, K::NotFound),
        (429, r#"{"code":null,"data":{"taskId":"x","successFlag":0}}"#, K::RateLimited),
        (502, "[]", K::Server),
        (501, "{}", K::Server),
        (400, "", K::InvalidRequest),
    ] {
        assert_eq!(ask(status, body).unwrap_err().kind(), kind, "HTTP {status} {body}");
    }
    assert_eq!(summary(&ask(500, data(r#""successFlag":0"#)).unwrap()), "GENERATING []");
}
