//! Why a task failed: words that mean nothing are no reason, and the reason is found under other names.

use super::*;

#[test]
fn word_that_means_nothing_is_no_reason() {
    for word in ["null", "NULL", "None", "none", "undefined", "nil", "n/a", "N/A", " ", "\\t\\n", ""] {
        for (flag, status) in [(1, "SUCCESS"), (2, "CREATE_TASK_FAILED"), (3, "GENERATE_FAILED")] {
            for code in [format!("\"{word}\""), "0".to_owned(), "null".to_owned()] {
                let fields = format!(
                    r#""successFlag":{flag},"errorCode":{code},"errorMessage":"{word}","paramJson":"{word}","response":{{"resultUrls":["https://f/u","{word}"],"originUrls":["{word}"]}}"#
                );
                let task = ask(200, data(&fields)).unwrap();
                assert_eq!(summary(&task), format!("{status} ['https://f/u']"), "{fields}");
                assert_eq!((task.param_json(), task.origin_urls().len(), task.unreadable().len()), (None, 0, 0));
            }
        }
        let failed = ask(200, format!(r#"{{"code":501,"msg":"{word}"}}"#)).unwrap();
        assert_eq!(summary(&failed), "GENERATE_FAILED [] code 501");
        let error = ask(200, format!(r#"{{"code":500,"msg":"{word}"}}"#)).unwrap_err();
        assert_eq!(error.to_string(), ask(500, "").unwrap_err().to_string().replace("HTTP 500", "HTTP 200, code 500"));
    }
}

#[test]
fn reason_is_found_under_other_names() {
    for (fields, reason) in [
        (r#""failMsg":"dark""#, "dark"),
        (r#""errorMsg":"dark""#, "dark"),
        (r#""message":"dark""#, "dark"),
        (r#""msg":"dark""#, "dark"),
        (r#""fail_msg":"dark""#, "dark"),
        (r#""error_message":"dark""#, "dark"),
        (r#""errorMessage":"","failMsg":"dark""#, "dark"),
        (r#""errorMessage":"null","errorMsg":"null","failMsg":"dark","msg":"success""#, "dark"),
        (r#""msg":"success","message":"Success","failMsg":"dark""#, "dark"),
        (r#""errorMessage":"usual","failMsg":"dark""#, "usual"),
        (r#""errorMessage":{"why":"dark"}"#, r#"{"why":"dark"}"#),
        (r#""errorCode":"BUSY","failMsg":"dark""#, "BUSY"),
    ] {
        for (code, flag) in [(200, 2), (200, 3), (501, 3), (501, 0)] {
            let body =
                format!(r#"{{"code":{code},"msg":"success","data":{{"taskId":"x","successFlag":{flag},{fields}}}}}"#);
            assert_eq!(ask(200, &body).unwrap().error_message(), Some(reason), "{body}");
        }
    }
    for flag in [0, 1, 4, 9] {
        let task = ask(200, data(&format!(r#""successFlag":{flag},"failMsg":"dark","msg":"ok""#))).unwrap();
        assert_eq!(task.error_message(), None, "{flag}");
        assert_eq!((&*task.extra()["failMsg"], &*task.extra()["msg"]), ("dark", "ok"));
    }
    let none = ask(200, data(r#""successFlag":3,"msg":"success""#)).unwrap();
    assert_eq!(none.error_message(), None);
}

#[test]
fn message_of_the_envelope_has_two_names() {
    for body in [r#"{"code":501,"message":"why"}"#, r#"{"code":501,"msg":null,"message":"why"}"#] {
        assert_eq!(ask(200, body).unwrap().error_message(), Some("why"), "{body}");
    }
    let null_record = ask(200, r#"{"code":422,"message":"recordInfo is null"}"#).unwrap_err();
    assert_eq!(null_record.kind(), ErrorKind::NotFound);
}
