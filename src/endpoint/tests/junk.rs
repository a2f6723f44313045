//! A field that decides nothing hides nothing: what cannot be read is absent and listed.

use super::*;

const URL: &str = "https://f.example/v.mp4";

/// What a task that has succeeded lists as unreadable, with these fields beside its result.
fn listed(fields: &str) -> Vec<String> {
    let body = data(&format!(r#""successFlag":1,"response":{{"resultUrls":["{URL}"]}},{fields}"#));
    let task = ask(200, &body).unwrap_or_else(|error| panic!("{fields}: {error}"));
    assert_eq!((task.status(), task.result_urls()), (Status::Success, &[URL.to_owned()][..]), "{fields}");
    task.unreadable().iter().map(ToString::to_string).collect()
}

#[test]
fn junk_that_decides_nothing_is_listed() {
    for (fields, says) in [
        (r#""createTime":"2026-01-06 08:16:56""#, "data.createTime is a time without a zone"),
        (r#""createTime":"2026-01-06T08:16:56.123""#, "data.createTime is a time without a zone"),
        (r#""createTime":"2025-07-18""#, "data.createTime is a text, not a time"),
        (r#""completeTime":"soon""#, "data.completeTime is a text, not a time"),
        (r#""createTime":1e300"#, "data.createTime is 1e300, not a time"),
        (r#""createTime":-1755078296000"#, "data.createTime is -1755078296000, not a time"),
        (r#""completeTime":9223372036854775807"#, "data.completeTime is 9223372036854775807, not a time"),
        (r#""completeTime":{"$date":1}"#, "data.completeTime is an object, not a time"),
        (r#""completeTime":true"#, "data.completeTime is true, not a time"),
        (r#""errorCode":{}"#, "data.errorCode is an object, not an integer"),
        (r#""errorCode":[400]"#, "data.errorCode is a list, not an integer"),
        (r#""errorCode":1e300"#, "data.errorCode is 1e300, not an integer"),
        (r#""errorCode":99999999999999999999"#, "data.errorCode is 99999999999999999999, not an integer"),
        (r#""errorCode":false"#, "data.errorCode is false, not an integer"),
        (r#""originUrls":7"#, "data.originUrls is 7, not a list"),
        (r#""originUrls":[{}]"#, "data.originUrls[0] is an object, not a text"),
    ] {
        assert_eq!(listed(fields), [says], "{fields}");
    }
    assert_eq!(listed(r#""createTime":{},"errorCode":[],"completeTime":"x""#).len(), 3);
}

#[test]
fn parameters_of_any_type_are_kept() {
    for (json, text) in [
        (r#""no JSON""#, Some("no JSON")),
        ("{}", Some("{}")),
        (r#"{"prompt":"p"}"#, Some(r#"{"prompt":"p"}"#)),
        ("[1]", Some("[1]")),
        ("7", Some("7")),
        ("null", None),
        (r#""null""#, None),
    ] {
        let task = ask(200, data(&format!(r#""successFlag":0,"paramJson":{json}"#))).unwrap();
        assert_eq!(task.param_json(), text, "{json}");
        assert!(task.unreadable().is_empty());
    }
}

#[test]
fn junk_in_place_of_results_before_success_is_listed() {
    for (response, says) in [
        ("7", "data.response is 7, not an object"),
        (r#""soon""#, "data.response is a text, not an object"),
        ("[1]", "data.response is a list, not an object"),
        ("true", "data.response is true, not an object"),
        (r#"{"resultUrls":7}"#, "data.response.resultUrls is 7, not a list"),
        (r#"{"resultUrls":[null,["a"]]}"#, "data.response.resultUrls[1][0] is a text, not a URL"),
        (r#"{"originUrls":{"a":1}}"#, "data.response.originUrls is an object, not a list"),
    ] {
        for (flag, status) in [("0", Status::Generating), ("3", Status::GenerateFailed), ("9", Status::Unknown(9))] {
            let task = ask(200, data(&format!(r#""successFlag":{flag},"response":{response}"#))).expect(response);
            assert_eq!(task.status(), status);
            assert_eq!(task.unreadable().iter().map(ToString::to_string).collect::<Vec<_>>(), [says]);
        }
    }
}

#[test]
fn bad_url_beside_good_ones_is_listed() {
    for (urls, says) in [
        (format!(r#"["{URL}",7]"#), "data.response.resultUrls[1] is 7, not a text"),
        (format!(r#"[{{}},"{URL}"]"#), "data.response.resultUrls[0] is an object, not a text"),
        (format!(r#"[null,["x"],"{URL}",""]"#), "data.response.resultUrls[1][0] is a text, not a URL"),
    ] {
        for flag in [1, 4] {
            let fields = format!(r#""successFlag":{flag},"response":{{"resultUrls":{urls}}}"#);
            let task = ask(200, data(&fields)).unwrap();
            assert_eq!(task.result_urls(), [URL]);
            assert_eq!(task.unreadable().iter().map(ToString::to_string).collect::<Vec<_>>(), [says]);
        }
    }
}

#[test]
fn times_with_a_zone_are_read() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_687_416_500);
    for (json, cut) in [
        (r#""2026-01-06T08:16:56.5Z""#, 0),
        (r#""2026-01-06 16:16:56.500+08:00""#, 0),
        (r#""2026-01-06T16:16:56.500000+0800""#, 0),
        (r#""2026-01-06T08:16:56Z""#, 500),
        ("1767687416500", 0),
        ("1767687416.5", 0),
        ("1767687416", 500),
        (r#""1767687416500""#, 0),
        (r#""1767687416.5""#, 0),
        ("1767687416500.0", 0),
        ("1.7676874165e12", 0),
    ] {
        let task = ask(200, data(&format!(r#""successFlag":0,"createTime":{json},"completeTime":{json}"#))).unwrap();
        let expected = Some(time - Duration::from_millis(cut));
        assert_eq!((task.created_at(), task.completed_at()), (expected, expected), "{json}");
        assert!(task.unreadable().is_empty(), "{json}");
    }
    for nothing in ["0", "0.0", r#""0""#, r#""""#, r#""null""#, r#"" ""#, "null"] {
        let task = ask(200, data(&format!(r#""successFlag":0,"createTime":{nothing}"#))).unwrap();
        assert_eq!((task.created_at(), task.unreadable()), (None, &[][..]), "{nothing}");
    }
}

#[test]
fn flag_as_a_word_is_the_status_it_names() {
    for (word, status) in [
        ("GENERATING", Status::Generating),
        ("success", Status::Success),
        (" CREATE_TASK_FAILED ", Status::CreateTaskFailed),
        ("Generate_Failed", Status::GenerateFailed),
        ("CALLBACK_FAILED", Status::CallbackFailed),
    ] {
        let fields = format!(r#""successFlag":"{word}","response":{{"resultUrls":["{URL}"]}}"#);
        let task = ask(200, data(&fields)).unwrap();
        assert_eq!((task.status(), task.unreadable()), (status, &[][..]), "{word}");
    }
    for word in ["PENDING", "CALLBACK_EXCEPTION", "GENERATE_AUDIO_FAILED", "SENSITIVE_WORD_ERROR", "NaN", "done"] {
        let task = ask(200, data(&format!(r#""successFlag":"{word}""#))).unwrap();
        assert_eq!((task.status(), task.unreadable().len()), (Status::Unknown(-1), 1), "{word}");
        assert_eq!(task.unreadable()[0].to_string(), "data.successFlag is a text, not a known status");
    }
    for nothing in ["null", "None", " ", "undefined"] {
        let task = ask(200, data(&format!(r#""successFlag":"{nothing}""#))).unwrap();
        assert_eq!((task.status(), task.unreadable()), (Status::Unknown(-1), &[][..]), "{nothing}");
    }
}

#[test]
fn id_spelled_otherwise_is_the_same_task() {
    let id = "774D9A7D-d608-a0e4_9293";
    for same in [
        "774d9a7dd608a0e49293",
        "774D9A7DD608A0E49293",
        "774d9a7d-d608-a0e4-9293",
        " 774d9a7dd608a0e49293\\n",
        "null",
        "",
    ] {
        let body = format!(r#"{{"code":200,"data":{{"taskId":"{same}","successFlag":0}}}}"#);
        let task = LUMA_MODIFY.read(&id.into(), reply(200, body.as_bytes(), &[]), now, "").expect(same);
        assert_eq!(task.id(), id, "the id as it was asked for");
    }
    for other in ["774d9a7dd608a0e4929", "774d9a7dd608a0e49294", "774d 9a7dd608a0e49293", "y"] {
        let body = format!(r#"{{"code":200,"data":{{"taskId":"{other}","successFlag":0}}}}"#);
        let error = LUMA_MODIFY.read(&id.into(), reply(200, body.as_bytes(), &[]), now, "").unwrap_err();
        assert!(error.to_string().contains("data.taskId is another task's"), "{other}: {error}");
    }
    let snake = r#"{"code":200,"data":{"task_id":"y","successFlag":0}}"#;
    assert!(ask(200, snake).unwrap_err().to_string().contains("another task's"));
}

#[test]
fn list_of_unreadable_fields_is_limited() {
    let body = data(&format!(r#""successFlag":0,"response":{{"resultUrls":[{}]}}"#, vec!["7"; 10_000].join(",")));
    assert_eq!(ask(200, body).unwrap().unreadable().len(), 65);
}

#[test]
fn blanks_around_a_url_are_no_part_of_it() {
    for urls in [format!(r#"[" {URL} "]"#), format!(r#"["{URL}\n","\t{URL}"]"#), format!(r#""{URL}\r\n""#)] {
        let task = ask(200, data(&format!(r#""successFlag":1,"response":{{"resultUrls":{urls}}}"#))).unwrap();
        assert_eq!(task.result_urls(), [URL], "{urls}");
    }
}
