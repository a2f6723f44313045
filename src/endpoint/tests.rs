//! Answers of every shape are read as what they mean, or become an error that names the field and quotes no URL.

mod classification;
mod compression;
mod extra;
mod hostile;
mod junk;
mod properties;
mod reasons;
mod repaired;
mod results;
mod retry_after;
mod sibling;

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::LUMA_MODIFY;
use crate::error::{Error, ErrorKind};
use crate::task::{Status, Task};
use crate::wire::Reply;

/// Fri, 18 Jul 2025 07:54:13 GMT
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1_752_825_253)).unwrap()
}

fn reply(status: u16, body: &[u8], headers: &[(&'static str, &[u8])]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.to_vec().try_into().unwrap()));
    Reply { status, headers: headers.collect(), body: Ok(Bytes::copy_from_slice(body)) }
}

fn ask(status: u16, body: impl AsRef<[u8]>) -> Result<Task, Error> {
    LUMA_MODIFY.read(&"x".into(), reply(status, body.as_ref(), &[]), now, "")
}

/// What matters of a record, in one line.
fn summary(task: &Task) -> String {
    let code = task.error_code().map_or_else(String::new, |code| format!(" code {code}"));
    let message = task.error_message().map_or_else(String::new, |message| format!(" {message:?}"));
    format!("{} {:?}{code}{message}", task.status(), task.result_urls()).replace('"', "'")
}

/// A whole answer with these fields in its data.
fn data(fields: &str) -> String {
    format!(r#"{{"code":200,"msg":"success","data":{{"taskId":"x",{fields}}}}}"#)
}

#[test]
fn the_documented_answers_are_read_as_documented() {
    let example = r#"{"code":200,"msg":"success","data":{"taskId":"x","paramJson":"{\"prompt\":\"A city\",\"waterMark\":\"\"}",
        "completeTime":1755078605000,"response":{"taskId":"x","originUrls":["https://a/o.mp4"],"resultUrls":["https://a/v.mp4"]},
        "successFlag":1,"createTime":1755078296000,"errorCode":0,"errorMessage":""}}"#;
    let task = ask(200, example).unwrap();
    assert_eq!(summary(&task), "SUCCESS ['https://a/v.mp4']");
    assert_eq!(task.origin_urls(), ["https://a/o.mp4"]);
    assert_eq!(task.generation_time(), Some(Duration::from_secs(309)));
    assert_eq!(task.params().unwrap().prompt.as_deref(), Some("A city"));
    assert_eq!(task.params().unwrap().watermark, None);

    let cases = [
        (
            r#"{"code":200,"msg":"success","data":{"taskId":"x","paramJson":"{\"prompt\":\"…\"}","completeTime":null,
                "response":null,"successFlag":0,"errorCode":null,"errorMessage":null,"createTime":1752825253000,"fallbackFlag":false}}"#,
            "GENERATING []",
        ),
        (
            r#"{"code":200,"data":{"taskId":"x","successFlag":2,"errorMessage":"Internal Error, Please try again later","errorCode":null,"response":null}}"#,
            "CREATE_TASK_FAILED [] 'Internal Error, Please try again later'",
        ),
        (
            r#"{"code":200,"msg":"success","data":{"taskId":"x","successFlag":3,"errorCode":400,"errorMessage":"No audio."}}"#,
            "GENERATE_FAILED [] code 400 'No audio.'",
        ),
        (
            r#"{"code":200,"data":{"taskId":"x","successFlag":4,"response":{"resultUrls":["https://a/r.mp4"]}}}"#,
            "CALLBACK_FAILED ['https://a/r.mp4']",
        ),
        (r#"{"code":200,"data":{"taskId":"x","successFlag":4}}"#, "CALLBACK_FAILED []"),
        (
            r#"{"code":501,"msg":"Video generation task failed"}"#,
            "GENERATE_FAILED [] code 501 'Video generation task failed'",
        ),
        (
            r#"{"code":501,"msg":"failed","data":{"taskId":"x","successFlag":3,"errorCode":422,"errorMessage":"why"}}"#,
            "GENERATE_FAILED [] code 422 'why'",
        ),
        (r#"{"code":501,"msg":"failed","data":{"response":7}}"#, "GENERATE_FAILED [] code 501 'failed'"),
    ];
    for (body, expected) in cases {
        assert_eq!(summary(&ask(200, body).unwrap()), expected, "{body}");
    }
}

#[test]
fn a_501_that_says_success_has_no_reason() {
    for message in ["success", "Success", "SUCCESS", ""] {
        let task = ask(200, format!(r#"{{"code":501,"msg":"{message}"}}"#)).unwrap();
        assert_eq!(summary(&task), "GENERATE_FAILED [] code 501", "{message}");
    }
    let with_record = r#"{"code":501,"msg":"success","data":{"taskId":"x","successFlag":1,"errorMessage":"why"}}"#;
    assert_eq!(summary(&ask(200, with_record).unwrap()), "GENERATE_FAILED [] code 501 'why'");
    let other = ask(200, r#"{"code":501,"msg":"success of none"}"#).unwrap();
    assert_eq!(other.error_message(), Some("success of none"));
}

#[test]
fn fields_of_a_neighbouring_type_are_read() {
    let url = r#""response":{"resultUrls":["https://a/v"]}"#;
    let cases = [
        (format!(r#""successFlag":"1",{url}"#), "SUCCESS ['https://a/v']"),
        (format!(r#""successFlag":1.0,{url}"#), "SUCCESS ['https://a/v']"),
        (format!(r#""successFlag":1e0,{url}"#), "SUCCESS ['https://a/v']"),
        (format!(r#""successFlag":" 1 ",{url}"#), "SUCCESS ['https://a/v']"),
        (format!(r#""successFlag":0,"successFlag":1,"response":null,{url}"#), "SUCCESS ['https://a/v']"),
        (r#""successFlag":9"#.into(), "UNKNOWN(9) []"),
        (r#""successFlag":-1"#.into(), "UNKNOWN(-1) []"),
        (r#""successFlag":null"#.into(), "UNKNOWN(-1) []"),
        (r#""successFlag":"""#.into(), "UNKNOWN(-1) []"),
        (r#""response":null,"nested":{"a":[1,{"b":null}]}"#.into(), "UNKNOWN(-1) []"),
        (r#""successFlag":1,"response":null"#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":"""#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":"{\"resultUrls\":[\"https://a/v\"]}""#.into(), "SUCCESS ['https://a/v']"),
        (r#""successFlag":1,"response":{}"#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":{"resultUrls":null}"#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":{"resultUrls":[]}"#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":{"resultUrls":[""]}"#.into(), "SUCCESS []"),
        (r#""successFlag":1,"response":{"resultUrls":""}"#.into(), "SUCCESS []"),
        (
            r#""successFlag":1,"response":{"resultUrls":"[\"http://a\",\"http://b\"]"}"#.into(),
            "SUCCESS ['http://a', 'http://b']",
        ),
        (r#""successFlag":1,"response":{"resultUrls":"https://a/v"}"#.into(), "SUCCESS ['https://a/v']"),
        (
            r#""successFlag":1,"response":{"resultUrls":[null,"http://a",null,"HTTPS://b"]}"#.into(),
            "SUCCESS ['http://a', 'HTTPS://b']",
        ),
        (r#""successFlag":1,"response":{"resultUrls":["http://\u0061\ud83d\ude00"]}"#.into(), "SUCCESS ['http://a😀']"),
        (r#""successFlag":3,"errorCode":0,"errorMessage":"""#.into(), "GENERATE_FAILED []"),
        (r#""successFlag":3,"errorCode":"0""#.into(), "GENERATE_FAILED []"),
        (r#""successFlag":3,"errorCode":"""#.into(), "GENERATE_FAILED []"),
        (r#""successFlag":3,"errorCode":"400""#.into(), "GENERATE_FAILED [] code 400"),
        (r#""successFlag":3,"errorMessage":17"#.into(), "GENERATE_FAILED [] '17'"),
    ];
    for (fields, expected) in cases {
        let task = ask(200, data(&fields)).unwrap_or_else(|error| panic!("{fields}: {error}"));
        assert_eq!(summary(&task), expected, "{fields}");
    }
    for code in ["200", "\"200\"", "200.0", "2e2", "null", "\"\"", "201"] {
        let body = format!(r#"{{"code":{code},"data":{{"taskId":"x","successFlag":0}}}}"#);
        assert_eq!(summary(&ask(200, &body).unwrap()), "GENERATING []", "{body}");
    }
    let no_times = ask(200, data(r#""successFlag":0,"createTime":"0","completeTime":0"#)).unwrap();
    assert_eq!((no_times.created_at(), no_times.completed_at(), no_times.generation_time()), (None, None, None));
    let numeric_id = LUMA_MODIFY.read(&"7".into(), reply(200, br#"{"data":{"taskId":7}}"#, &[]), now, "");
    assert_eq!(numeric_id.unwrap().id().as_str(), "7");
}

#[test]
fn unreadable_field_that_decides_is_named_by_path() {
    let deep = "[".repeat(200_000);
    let cases: &[(Vec<u8>, &str)] = &[
        (b"".to_vec(), "empty"),
        (b" \r\n".to_vec(), "empty"),
        (b"null".to_vec(), "JSON, but not an object"),
        (b"[]".to_vec(), "JSON, but not an object"),
        (b"<html></html>".to_vec(), "it is not JSON"),
        (b"{\"code\":200}{".to_vec(), "it is not JSON"),
        (data(r#""successFlag":1"#).as_bytes()[..50].to_vec(), "ends too soon"),
        (deep.clone().into_bytes(), "JSON, but not an object"),
        (data(&format!(r#""other":{deep}"#)).into_bytes(), "it is not JSON"),
        (b"{\"msg\":\"\xff\xfe\"}".to_vec(), "no data"),
        (b"{}".to_vec(), "no data"),
        (b"{\"code\":200,\"data\":{},\"data\":null}".to_vec(), "no data"),
        (b"{\"code\":\"OK\"}".to_vec(), "code is "),
        (b"{\"data\":[]}".to_vec(), "data is a list, not an object"),
        (b"{\"data\":true}".to_vec(), "data is true, not an object"),
        (b"{\"data\":{\"taskId\":\"y\"}}".to_vec(), "data.taskId is "),
        (data(r#""successFlag":{}"#).into_bytes(), "data.successFlag is an object, not an integer"),
        (data(r#""successFlag":1.5"#).into_bytes(), "data.successFlag is 1.5"),
        (data(r#""successFlag":1e400"#).into_bytes(), "data.successFlag is 1e400"),
        (data(r#""successFlag":"1.5""#).into_bytes(), "data.successFlag is a text, not an integer"),
        (data(r#""successFlag":[1]"#).into_bytes(), "data.successFlag is a list, not an integer"),
        (data(r#""successFlag":true"#).into_bytes(), "data.successFlag is true"),
        (data(r#""successFlag":1,"response":[1]"#).into_bytes(), "data.response is a list, not an object"),
        (data(r#""successFlag":1,"response":7"#).into_bytes(), "data.response is 7, not an object"),
        (data(r#""successFlag":4,"response":"soon""#).into_bytes(), "data.response is a text, not an object"),
        (data(r#""successFlag":1,"response":"{\"resultUrls\":""#).into_bytes(), "data.response is "),
        (
            data(r#""successFlag":1,"response":{"resultUrls":7}"#).into_bytes(),
            "data.response.resultUrls is 7, not a list",
        ),
        (
            data(r#""successFlag":4,"response":{"resultUrls":{"a":1}}"#).into_bytes(),
            "data.response.resultUrls is an object",
        ),
        (data(r#""successFlag":1,"response":{"resultUrls":"[broken"}"#).into_bytes(), "data.response.resultUrls is "),
        (
            data(r#""successFlag":1,"response":{"resultUrls":[null,["a"]]}"#).into_bytes(),
            "data.response.resultUrls[1][0] is a text, not a URL",
        ),
        (data(r#""successFlag":1,"videoInfo":{"a":1}"#).into_bytes(), "data.videoInfo is an object, not a list"),
    ];
    for (body, text) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
        let error = ask(200, body).expect_err(&shown);
        assert_eq!(error.kind(), ErrorKind::Decode, "{shown}");
        assert!(error.to_string().contains(text), "{shown}: {error}");
        assert!(error.is_transient() && error.to_string().chars().count() < 500, "{error}");
    }
    let deep_but_whole = data(&format!(r#""successFlag":0,"other":{deep}{}"#, "]".repeat(200_000)));
    assert_eq!(summary(&ask(200, deep_but_whole).unwrap()), "GENERATING []");
}

#[test]
fn what_only_people_read_never_hides_an_outcome() {
    let cases = [
        (r#""successFlag":3,"errorCode":"MODEL_BUSY","errorMessage":"later""#, "MODEL_BUSY: later"),
        (r#""successFlag":3,"errorCode":"MODEL_BUSY""#, "MODEL_BUSY"),
        (r#""successFlag":2,"errorMessage":"\ud83d""#, "\u{fffd}"),
        (r#""successFlag":2,"errorMessage":{"why":"dark"}"#, r#"{"why":"dark"}"#),
    ];
    for (fields, reason) in cases {
        let task = ask(200, data(fields)).expect(fields);
        assert!(task.status().is_terminal(), "{fields}");
        assert_eq!((task.error_code(), task.error_message()), (None, Some(reason)), "{fields}");
    }
    let marked = format!("\u{feff}{}", data(r#""successFlag":1"#));
    assert_eq!(ask(200, marked).unwrap().status(), Status::Success);
    let absent = data(r#""successFlag":1,"taskId":"","response":{"resultUrls":"null","originUrls":[]}"#);
    assert_eq!(ask(200, absent).unwrap().result_urls(), [""; 0]);
    for response in [r#""null""#, "[]", r#""""#] {
        let task = ask(200, data(&format!(r#""successFlag":1,"response":{response}"#))).expect(response);
        assert_eq!(task.result_urls(), [""; 0]);
    }
}

#[test]
fn an_error_quotes_no_url() {
    let mut leaks = Vec::new();
    for url in ["https://files.example.com/a-long-name-of-a-video.mp4?sign=secret", "http://a.b/?sign=secret"] {
        for url in [url.to_owned(), url.replace('/', r"\/"), url.replace(':', r"\u003a")] {
            let bodies = [
                format!(r#""{url}""#),
                format!(r#"["{url}"]"#),
                format!(r#"{{"code":"{url}"}}"#),
                format!(r#"{{"data":"{url}"}}"#),
                format!(r#"{{"data":{{"taskId":"{url}"}}}}"#),
                data(&format!(r#""successFlag":"{url}""#)),
                data(&format!(r#""completeTime":"{url}""#)),
                data(&format!(r#""response":"{url}""#)),
                data(&format!(r#""response":{{"resultUrls":"[{url}"}}"#)),
                data(&format!(r#""response":{{"resultUrls":[["{url}"]]}}"#)),
            ];
            for body in bodies {
                let said = match ask(200, &body) {
                    Ok(task) => format!("{:?} {:?}", task.status(), task.unreadable()),
                    Err(error) => format!("{error:?}"),
                };
                leaks.extend(Some(said).filter(|said| said.contains("sign=secret")));
            }
        }
    }
    assert_eq!(leaks, Vec::<String>::new());
}
