//! Unknown fields are kept, up to a limit, by both readers.

use serde_json::json;

use super::*;

/// Whether the fast way reads it.
fn is_fast(body: &str) -> bool {
    (LUMA_MODIFY.read_strict)(body.as_bytes()).is_some()
}

#[test]
fn unknown_fields_are_kept_by_name() {
    let fields = r#""progress":0.40,"fallbackFlag":false,"note":"\u0041 b","nothing":null,"blank":" ","list": [1, {"a":null}],
        "response":{"taskId":"x","resultUrls":["https://f/u"],"resolution":"720p","size":{"w":1}},"successFlag":1"#;
    let expected = [
        ("fallbackFlag", "false"),
        ("list", r#"[1, {"a":null}]"#),
        ("note", "A b"),
        ("progress", "0.40"),
        ("response.resolution", "720p"),
        ("response.size", r#"{"w":1}"#),
    ];
    // The second is for the lenient reader, because of the time's type.
    for body in [data(fields), data(&format!(r#""createTime":"0",{fields}"#))] {
        let task = ask(200, &body).unwrap();
        let fields = task.extra();
        let extra: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((extra, task.unreadable()), (expected.to_vec(), &[][..]), "{body}");
    }
    assert!(is_fast(&data(fields)) && !is_fast(&data(&format!(r#""createTime":"0",{fields}"#))));
}

#[test]
fn usual_record_has_no_extra_fields() {
    let usual = data(r#""successFlag":1,"response":{"taskId":"x","originUrls":["o"],"resultUrls":["https://f/u"]}"#);
    assert!(is_fast(&usual) && ask(200, usual).unwrap().extra().is_empty());
}

#[test]
fn field_read_in_place_of_another_is_kept() {
    let task = ask(200, data(r#""successFlag":1,"videoInfo":{"videoUrl":"https://f/v","seconds":5}"#)).unwrap();
    assert_eq!(task.extra()["videoInfo"], r#"{"videoUrl":"https://f/v","seconds":5}"#);
    let task = ask(200, data(r#""successFlag":0,"videoUrl":"https://f/s""#)).unwrap();
    assert_eq!(task.extra()["videoUrl"], "https://f/s");
}

#[test]
fn too_many_unknown_fields_are_dropped_and_listed() {
    let many = (0..100).map(|number| format!(r#""f{number}":1"#)).collect::<Vec<_>>().join(",");
    let long = format!(r#""long":"{}""#, "x".repeat(20_000));
    let in_response = format!(r#""response":{{"resultUrls":["https://f/u"],{many}}}"#);
    for (fields, kept) in [(many, 64), (long, 0), (in_response, 64)] {
        let task = ask(200, data(&format!(r#""successFlag":0,{fields}"#))).unwrap();
        assert_eq!(task.extra().len(), kept);
        assert_eq!(
            task.unreadable().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["data holds more unknown fields than are kept (64 fields, 16 KiB)"],
        );
    }
}

#[test]
fn api_key_is_redacted_in_unknown_fields() {
    let body = data(r#""successFlag":0,"echo":"Bearer the-api-key","nested":{"k":["the-api-key"]},"the-api-key":1"#);
    let task = LUMA_MODIFY.read(&"x".into(), reply(200, body.as_bytes(), &[]), now, "the-api-key").unwrap();
    assert_eq!(task.extra()["echo"], "Bearer [key]");
    assert_eq!(task.extra()["nested"], r#"{"k":["[key]"]}"#);
    assert_eq!(task.extra()["[key]"], "1");
    assert!(!format!("{task:?}").contains("the-api-key"));
}

#[test]
fn task_with_extra_fields_reads_back() {
    let body = data(
        r#""successFlag":1,"createTime":"soon","progress":7,"response":{"resultUrls":["https://f/u"],"resolution":"4k"}"#,
    );
    let task = ask(200, body).unwrap();
    assert_eq!((task.extra().len(), task.unreadable().len()), (2, 1));
    let stored = serde_json::to_value(&task).unwrap();
    assert_eq!(stored["extra"], json!({"progress": "7", "response.resolution": "4k"}));
    assert_eq!(stored["unreadable"], json!([{"path": "data.createTime", "reason": "is a text, not a time"}]));
    assert_eq!(serde_json::from_value::<Task>(stored).unwrap(), task);
    let bytes = postcard::to_stdvec(&task).unwrap();
    assert_eq!(postcard::from_bytes::<Task>(&bytes).unwrap(), task);
    let before: Task = serde_json::from_value(json!({"id": "x", "status": "SUCCESS", "result_urls": ["u"]})).unwrap();
    assert!(before.extra().is_empty() && before.unreadable().is_empty());
}
