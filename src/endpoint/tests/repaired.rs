//! An answer that is nearly JSON is mended and read.

use super::*;

#[test]
fn answer_that_is_nearly_json_is_read() {
    let url = r#""successFlag":1,"response":{"resultUrls":["https://f/v"]}"#;
    let with = |before: &[u8]| [br#"{"code":200,"data":{"taskId":"x","#, before, b",", url.as_bytes(), b"}}"].concat();
    let cases: [(&[u8], Option<&str>); 11] = [
        (b"\"errorMessage\":\"a\nb\"", Some("a\nb")),
        (b"\"errorMessage\":\"a\x01b\"", Some("a\u{fffd}b")),
        (b"\"errorMessage\":\"a\tb\r\n\"", Some("a\tb\r\n")),
        (b"\"errorMessage\":\"caf\xe9\"", Some("caf\u{fffd}")),
        (br#""errorMessage":"\ud83d""#, Some("\u{fffd}")),
        (br#""errorMessage":"it\'s""#, Some("it\\'s")),
        (b"\"errorMessage\":NaN", None),
        (b"\"progress\":NaN,\"createTime\":-Infinity", None),
        (b"\"completeTime\":Infinity", None),
        (br#""\ud83d":1"#, None),
        (b"\"note\":\"\xff\xfe\x00\"", None),
    ];
    for (fields, message) in cases {
        let body = with(fields);
        let shown = String::from_utf8_lossy(&body);
        let task = ask(200, &body).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!((task.status(), task.result_urls()), (Status::Success, &["https://f/v".to_owned()][..]), "{shown}");
        assert_eq!((task.error_message(), task.unreadable()), (message, &[][..]), "{shown}");
    }
}

#[test]
fn text_that_holds_nearly_json_is_read() {
    for data in [
        r#""{\"taskId\":\"x\",\"successFlag\":1,\"errorMessage\":\"a\nb\",\"response\":{\"resultUrls\":[\"https://f/v\"]}}""#,
        r#"{"taskId":"x","successFlag":1,"errorMessage":"a\nb","response":"{\"note\":\"a\tb\",\"resultUrls\":[\"https://f/v\"]}"}"#,
        r#"{"taskId":"x","successFlag":1,"errorMessage":"a\nb","response":"{\"size\":NaN,\"resultUrls\":[\"https://f/v\"]}"}"#,
    ] {
        let task = ask(200, format!(r#"{{"code":200,"data":{data}}}"#)).expect(data);
        assert_eq!(summary(&task), "SUCCESS ['https://f/v'] 'a\\nb'", "{data}");
    }
}

#[test]
fn what_cannot_be_mended_is_still_not_json() {
    for body in
        ["{\"code\":200,\"data\":{\"a\":\"\x01\"", "<html>\x01</html>", "{'code':200}", "NaN", "{\"code\":200,}"]
    {
        let error = ask(200, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body:?}: {error}");
    }
}
