//! Results are found where sibling endpoints write them, in the order of preference, and a source video is never one.

use super::*;

/// The results of a task with this flag and these fields.
fn results(flag: i64, fields: &str) -> Vec<String> {
    let task = ask(200, data(&format!(r#""successFlag":{flag},{fields}"#)));
    task.unwrap_or_else(|error| panic!("{fields}: {error}")).result_urls().to_vec()
}

#[test]
fn result_is_found_in_other_places() {
    const URL: &str = "https://f/v";
    for fields in [
        r#""response":{"resultUrls":["https://f/v"]}"#,
        r#""response":{"result_urls":["https://f/v"]}"#,
        r#""response":{"resultUrls":[{"url":"https://f/v"}]}"#,
        r#""response":{"resultUrls":[{"resultUrl":"https://f/v"}]}"#,
        r#""response":{"resultUrls":[{"videoUrl":"https://f/v"}]}"#,
        r#""response":{"resultUrls":{"url":"https://f/v"}}"#,
        r#""response":{"resultUrls":"[{\"url\":\"https://f/v\"}]"}"#,
        r#""response":"{\"resultUrls\":[\"https://f/v\"]}""#,
        r#""response":"{\"resultUrls\":\"[\\\"https://f/v\\\"]\"}""#,
        r#""response":{"resultUrl":"https://f/v"}"#,
        r#""response":{"videoUrl":"https://f/v"}"#,
        r#""response":{"resultVideoUrl":"https://f/v"}"#,
        r#""response":{"resultImageUrl":"https://f/v"}"#,
        r#""response":{"videoInfo":{"videoUrl":"https://f/v","seconds":5}}"#,
        r#""response":"https://f/v""#,
        r#""response":["https://f/v"]"#,
        r#""resultUrls":["https://f/v"]"#,
        r#""response":null,"result_urls":["https://f/v"]"#,
        r#""response":7,"resultUrls":"[\"https://f/v\"]""#,
        r#""response":{"resultUrls":7},"resultUrl":"https://f/v""#,
        r#""resultUrl":"https://f/v""#,
        r#""videoUrl":"https://f/v""#,
        r#""video_url":"https://f/v""#,
        r#""videoInfo":"{\"videoUrl\":\"https://f/v\"}""#,
        r#""resultJson":"{\"resultUrls\":[\"https://f/v\"]}""#,
        r#""resultJson":{"videoUrl":"https://f/v"}"#,
        r#""resultJson":"[\"https://f/v\"]""#,
        r#""response":{"resultJson":"{\"resultUrl\":\"https://f/v\"}"}"#,
    ] {
        assert_eq!([results(1, fields), results(4, fields)], [[URL], [URL]], "{fields}");
    }
}

#[test]
fn best_place_counts_and_no_url_twice() {
    for (fields, urls) in [
        (r#""response":{"resultUrls":["a"],"resultUrl":"https://f/b"},"resultUrls":["https://f/c"]"#, &["a"][..]),
        (r#""response":{"resultUrl":"https://f/b"},"resultUrls":["https://f/c"]"#, &["https://f/b"]),
        (r#""resultUrls":["https://f/c"],"resultUrl":"https://f/d""#, &["https://f/c"]),
        (r#""videoUrl":"https://f/e","resultUrl":"https://f/d""#, &["https://f/d"]),
        (r#""resultImageUrl":"https://f/cover","videoUrl":"https://f/e""#, &["https://f/e"]),
        (
            r#""resultJson":"{\"resultUrls\":[\"https://f/g\"]}","videoInfo":{"videoUrl":"https://f/h"}"#,
            &["https://f/h"],
        ),
        (r#""response":{"resultUrls":["a","b","a","b","c"]}"#, &["a", "b", "c"]),
        (r#""resultUrls":["https://f/c","https://f/c"]"#, &["https://f/c"]),
        (r#""response":{"resultUrls":[{"url":"a"},"a"]}"#, &["a"]),
        (r#""videoUrl":"soon","resultImageUrl":"https://f/i""#, &["https://f/i"]),
    ] {
        assert_eq!(results(1, fields), urls, "{fields}");
    }
}

#[test]
fn source_video_is_never_a_result() {
    for fields in [
        r#""videoUrl":"https://f/s","response":{"originUrls":["https://f/s"]}"#,
        r#""videoUrl":"https://f/s","originUrls":["https://f/s"]"#,
        r#""videoUrl":"https://f/s","paramJson":"{\"videoUrl\":\"https://f/s\"}""#,
        r#""videoUrl":"https://f/s","paramJson":"{\"videoUrl\":\"https:\\/\\/f\\/s\"}""#,
        r#""videoUrl":"https://f/s","paramJson":{"video_url":"https://f/s"}"#,
        r#""response":{"videoUrl":"https://f/s","originUrls":["https://f/s"]}"#,
        r#""videoUrl":"https://f/s","resultUrls":["https://f/s"],"originUrls":"https://f/s""#,
        r#""paramJson":"{\"videoUrl\":\"https://f/s\"}""#,
        r#""originUrls":["https://f/s"]"#,
        r#""videoUrl":"https://f/s?a=1&b=2","paramJson":"{\"videoUrl\":\"https://f/s?a\\u003d1\\u0026b\\u003d2\"}""#,
        r#""videoUrl":"https://f/s?a&b","paramJson":{"video":"https:\/\/f\u002Fs?a\u0026b"}"#,
        r#""videoUrl":"https://f/s","paramJson":"\"{\\\"videoUrl\\\":\\\"https:\\\\/\\\\/f/s\\\"}\"""#,
        r#""videoUrl":"https://f/s","paramJson":"{\"videoUrl\":\"https://f/s?token=1\"}""#,
        r#""videoUrl":" https://f/s ","originUrls":["https://f/s"]"#,
        r#""videoUrl":"https://f/s","originUrls":["https://f/s"],"response":{"originUrls":["https://f/t"]}"#,
        r#""videoUrl":"https://f/s","originUrls":[{"originUrl":"https://f/s"}]"#,
        r#""resultJson":{"originUrls":["https://f/s"],"videoUrl":"https://f/s"}"#,
        r#""videoUrl":"https://f/s.mp4?sig=2","originUrls":["https://f/s.mp4?sig=1"]"#,
        r#""videoUrl":"https://f/s.mp4?sig=2","paramJson":"{\"videoUrl\":\"https://f/s.mp4\"}""#,
    ] {
        assert_eq!(results(1, fields), [""; 0], "{fields}");
    }
    for fields in [
        r#""resultJson":{"videoUrl":"https://f/s","videoInfo":{"videoUrl":"https://f/v"}}"#,
        r#""videoInfo":{"videoUrl":"https://f/s","url":"https://f/v"}"#,
        r#""videoInfo":["https://f/s","https://f/v"]"#,
        r#""videoUrl":"https://f/v","paramJson":"{\"callBackUrl\":\"https://f/v2\"}""#,
    ] {
        let fields = format!(r#"{fields},"originUrls":["https://f/s"]"#);
        assert_eq!(results(1, &fields), ["https://f/v"], "{fields}");
    }
    let other = r#""videoUrl":"https://f/s","resultImageUrl":"https://f/v","originUrls":["https://f/s"]"#;
    assert_eq!(results(1, other), ["https://f/v"]);
}

#[test]
fn other_places_count_after_success_only() {
    for fields in
        [r#""videoUrl":"https://f/s""#, r#""resultUrls":["https://f/s"]"#, r#""response":{"resultUrl":"https://f/s"}"#]
    {
        for flag in [0, 2, 3, 9] {
            assert_eq!(results(flag, fields), [""; 0], "{fields}");
        }
    }
    assert_eq!(results(0, r#""response":{"resultUrls":["a"]}"#), ["a"], "where the vendor documents it, always");
}

#[test]
fn object_written_as_text_is_read() {
    let record = r#"{"taskId":"x","successFlag":1,"response":{"resultUrls":["https://f/v"]}}"#;
    let text = serde_json::Value::from(record).to_string();
    for body in [
        format!(r#"{{"code":200,"data":{text}}}"#),
        format!(r#"{{"code":200,"data":{}}}"#, text.replace("{\\\"t", " {\\\"t")),
        serde_json::Value::from(format!(r#"{{"code":200,"data":{record}}}"#)).to_string(),
        serde_json::Value::from(format!(r#"{{"code":200,"data":{text}}}"#)).to_string(),
    ] {
        assert_eq!(summary(&ask(200, &body).expect(&body)), "SUCCESS ['https://f/v']", "{body}");
    }
    for nothing in [r#""""#, r#""null""#, r#"" ""#] {
        let error = ask(200, format!(r#"{{"code":200,"data":{nothing}}}"#)).unwrap_err();
        assert!(error.to_string().contains("there is no data"), "{error}");
    }
    let error = ask(200, r#"{"code":200,"data":"{broken"}"#).unwrap_err();
    assert!(error.to_string().contains("data is a text, not an object"), "{error}");
}
