//! An answer without a record becomes the kind of error that its code, or else its HTTP status, means.

use super::*;

#[test]
fn http_status_and_body_code_are_read_together() {
    use ErrorKind as K;
    const NULL_RECORD: &str = "recordInfo is null";
    // HTTP status, the body's code (0: no envelope but HTML), its message, what it is.
    let cases = [
        (200, 401, "", K::Unauthorized),
        (403, 0, "", K::Intermediary),
        (401, 0, "", K::Intermediary),
        (500, 401, "", K::Unauthorized),
        (200, 403, "", K::Unauthorized),
        (401, 429, "", K::RateLimited),
        (200, 404, "", K::NotFound),
        (200, 422, NULL_RECORD, K::NotFound),
        (422, 422, NULL_RECORD, K::NotFound),
        (200, 422, "taskId cannot be empty", K::InvalidRequest),
        (422, 0, "", K::Intermediary),
        (200, 422, "The record does not exist", K::NotFound),
        (422, 422, "task not found", K::NotFound),
        (200, 422, "the record's field prompt is too long", K::InvalidRequest),
        (200, 400, NULL_RECORD, K::InvalidRequest),
        (200, 402, "no credits", K::OutOfCredit),
        (402, 402, "", K::OutOfCredit),
        (200, 451, "an input could not be fetched", K::InvalidRequest),
        (402, 0, "", K::Intermediary),
        (404, 0, "", K::Intermediary),
        (405, 0, "", K::Intermediary),
        (418, 0, "", K::Intermediary),
        (407, 0, "", K::Transport),
        (421, 0, "", K::Transport),
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
        (404, r#"{"error":"no"}"#, K::Intermediary),
        (403, r#"{"message":"Forbidden"}"#, K::Intermediary),
        (401, "[]", K::Intermediary),
        (404, r#"{"msg":"no"}"#, K::NotFound),
        (401, r#"{"code":null,"msg":null,"data":{}}"#, K::Unauthorized),
        (401, "", K::Unauthorized),
        (402, " ", K::OutOfCredit),
        (403, "\r\n", K::Unauthorized),
        (404, "", K::NotFound),
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

#[test]
fn page_of_another_server_is_named() {
    let page = "<!DOCTYPE html><title>Just a moment...</title><p>secret-key</p>";
    let headers: [(&str, &[u8]); 3] =
        [("server", b"cloudflare"), ("cf-ray", b"8f2-AMS"), ("cf-mitigated", b"challenge")];
    let reply = |status, body: &str| reply(status, body.as_bytes(), &headers);
    let read = |reply| LUMA_MODIFY.read(&"x".into(), reply, now, "secret-key").unwrap_err();
    let sentence = "a server in front of the gateway answered in its place: a page with the title \"Just a moment...\", \
                    server cloudflare, cf-ray 8f2-AMS, cf-mitigated challenge (HTTP 403)";
    assert_eq!(read(reply(403, page)).to_string(), sentence);
    // The header says it where the body is empty.
    let empty = read(reply(403, ""));
    assert_eq!(empty.kind(), ErrorKind::Intermediary, "{empty}");
    // The gateway's own answer may come through the same server.
    let own = read(reply(403, r#"{"code":403,"msg":"no access"}"#));
    assert_eq!(own.kind(), ErrorKind::Unauthorized, "{own}");
    // Where the status says enough, the page still says who it was.
    for (status, kind) in [(502, ErrorKind::Server), (503, ErrorKind::Maintenance), (429, ErrorKind::RateLimited)] {
        let error = read(reply(status, page));
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("Just a moment") && !error.to_string().contains("secret"), "{error}");
    }
    let good_status = read(reply(200, page));
    assert_eq!(good_status.kind(), ErrorKind::Decode);
    assert!(
        good_status.to_string().contains("it is not JSON (line 1, column 1), but a page with the title"),
        "{good_status}"
    );
    let text = read(reply(403, "error code: 1020 for secret-key"));
    assert!(text.to_string().contains("the text \"error code: 1020 for [key]\""), "{text}");
}

#[test]
fn half_a_page_is_no_answer_of_the_gateway() {
    let cut = Reply { body: Err(Error::new(ErrorKind::Decode, "cut")), ..reply(403, b"", &[]) };
    assert_eq!(LUMA_MODIFY.read(&"x".into(), cut, now, "").unwrap_err().kind(), ErrorKind::Intermediary);
    assert_eq!(ask(401, r#"{"code":401,"msg":"You"#).unwrap_err().kind(), ErrorKind::Intermediary);
}

#[test]
fn place_that_says_nothing_is_left_out() {
    for (body, said) in [
        ("[]", "it is JSON, but not an object"),
        ("5", "it is JSON, but not an object"),
        ("", "it is empty"),
        ("<p>", "it is not JSON (line 1, column 1)"),
    ] {
        let error = ask(200, body).unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("column 0"), "{body:?}: {error}");
    }
}
