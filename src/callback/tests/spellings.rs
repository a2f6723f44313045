//! A callback is read in every spelling: all that it needs is a task id.

use super::*;

#[test]
fn task_id_is_found_wherever_it_stands() {
    for text in [
        r#"{"taskId":"x"}"#,
        r#"{"task_id":"x","code":200}"#,
        r#"{"TaskID":"x","data":null}"#,
        r#"{"taskId":"x","data":{}}"#,
        r#"{"taskId":"x","data":[1]}"#,
        r#"{"taskId":"x","data":"done"}"#,
        r#"{"taskId":"x","data":{"taskId":null}}"#,
        r#"{"taskId":"x","data":{"taskId":{"a":1}}}"#,
        r#"{"taskId":"y","data":{"taskId":"x"}}"#,
        r#"{"taskId":"y","data":{"task_id":"x"}}"#,
        r#"{"data":"{\"taskId\":\"x\"}"}"#,
        r#"{"data":"{\"task_id\":\"x\",\"resultUrls\":null}","code":"ok"}"#,
        r#""{\"data\":{\"taskId\":\"x\"}}""#,
        r#"{"data":{"taskId":"null","task_id":"x"}}"#,
        "{\"data\":{\"taskId\":\"x\",\"msg\":\"a\nb\"}}",
        r#"{"data":{"taskId":"x","progress":NaN}}"#,
    ] {
        assert_eq!(Callback::parse(text.as_bytes()).expect(text).task_id(), "x", "{text}");
    }
    assert_eq!(
        Callback::parse(b"{\"msg\":\"caf\xe9\",\"data\":{\"taskId\":\"x\"}}").unwrap().message(),
        Some("caf\u{fffd}")
    );
}

#[test]
fn junk_in_other_fields_is_left_out() {
    for (fields, urls) in [
        (r#""resultUrls":[7,"u",{}]"#, 1),
        (r#""resultUrls":[{"url":"u"}]"#, 1),
        (r#""resultUrls":{"a":1}"#, 0),
        (r#""resultUrls":"null""#, 0),
        (r#""promptJson":"null","paramJson":"""#, 0),
    ] {
        let text = format!(r#"{{"code":{{}},"msg":"null","data":{{"taskId":"x",{fields}}}}}"#);
        let callback = Callback::parse(text.as_bytes()).expect(&text);
        assert_eq!((callback.code(), callback.message(), callback.param_json()), (None, None, None), "{text}");
        assert_eq!(callback.result_urls().len(), urls, "{text}");
    }
}

#[test]
fn signature_covers_the_id_that_is_read() {
    let beside = format!(r#"{{"taskId":"{ID}","data":[]}}"#);
    assert_eq!(verify_at(SIGNED_AT, "1764000000", SIGNATURE, beside.as_bytes()).unwrap().task_id(), &ID);
    let another = format!(r#"{{"taskId":"{ID}","data":{{"taskId":"another"}}}}"#);
    let outcome = verify_at(SIGNED_AT, "1764000000", SIGNATURE, another.as_bytes());
    refused(outcome, ErrorKind::InvalidSignature, "does not match");
}
