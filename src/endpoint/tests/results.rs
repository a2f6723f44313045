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
        (
            r#""response":{"resultUrls":["https://f/a"],"resultUrl":"https://f/b"},"resultUrls":["https://f/c"]"#,
            &["https://f/a"][..],
        ),
        (r#""response":{"resultUrl":"https://f/b"},"resultUrls":["https://f/c"]"#, &["https://f/b"]),
        (r#""resultUrls":["https://f/c"],"resultUrl":"https://f/d""#, &["https://f/c"]),
        (r#""videoUrl":"https://f/e","resultUrl":"https://f/d""#, &["https://f/d"]),
        (r#""resultImageUrl":"https://f/cover","videoUrl":"https://f/e""#, &["https://f/e"]),
        (
            r#""resultJson":"{\"resultUrls\":[\"https://f/g\"]}","videoInfo":{"videoUrl":"https://f/h"}"#,
            &["https://f/h"],
        ),
        (
            r#""response":{"resultUrls":["http://a","http://b","http://a","http://b","http://c"]}"#,
            &["http://a", "http://b", "http://c"],
        ),
        (r#""resultUrls":["https://f/c","https://f/c"]"#, &["https://f/c"]),
        (r#""response":{"resultUrls":[{"url":"http://a"},"http://a"]}"#, &["http://a"]),
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
    assert_eq!(
        results(0, r#""response":{"resultUrls":["http://a"]}"#),
        ["http://a"],
        "where the vendor documents it, always"
    );
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

#[test]
fn result_is_found_however_its_list_is_written() {
    for fields in [
        r#""response":{"resultUrls":"[\"https://f/v\",NaN]"}"#,
        r#""response":{"resultUrls":"[\"https://f/v\",\n\"\n\"]"}"#,
        r#""response":{"resultUrls":"[\"https://f/v\",{\"note\":\"a\nb\"}]"}"#,
        r#""response":{"resultUrls":[["https://f/v"]]}"#,
        r#""response":{"resultUrls":[null,[[{"url":"https://f/v"}]]]}"#,
        r#""response":{"resultUrls":["{\"url\":\"https://f/v\"}"]}"#,
        r#""response":{"resultUrls":["[\"https://f/v\"]"]}"#,
        r#""response":{"resultUrls":["\"https://f/v\""]}"#,
        r#""response":[{"resultUrls":["https://f/v"]}]"#,
        r#""response":"[{\"resultUrls\":[\"https://f/v\"],\"size\":NaN}]""#,
        r#""response":[{"url":"https://f/v"}]"#,
        r#""response":[{"resultUrls":[]},{"resultUrls":["https://f/v"]}]"#,
        r#""resultJson":[{"resultUrls":["https://f/v"]}]"#,
    ] {
        assert_eq!(results(1, fields), ["https://f/v"], "{fields}");
    }
    let record = r#"{"taskId":"x","successFlag":1,"response":{"resultUrls":["https://f/v"]}}"#;
    for data in [format!("[{record}]"), serde_json::Value::from(format!("[{record}]")).to_string()] {
        let task = ask(200, format!(r#"{{"code":200,"data":{data}}}"#)).expect(&data);
        assert_eq!(summary(&task), "SUCCESS ['https://f/v']", "{data}");
    }
    for data in [format!("[{record},{record}]"), "[]".to_owned(), "[[{}]]".to_owned()] {
        let error = ask(200, format!(r#"{{"code":200,"data":{data}}}"#)).unwrap_err();
        assert!(error.to_string().contains("data is a list, not an object"), "{data}: {error}");
    }
}

#[test]
fn empty_field_hides_no_result() {
    for fields in [
        r#""response":{"resultUrls":[],"result_urls":["https://f/v"]}"#,
        r#""response":{"result_urls":["https://f/v"],"resultUrls":["null"]}"#,
        r#""response":{"resultUrls":["https://f/v"],"resultUrls":null}"#,
        r#""response":{"resultUrls":["https://f/v"],"resultUrls":[]}"#,
        r#""response":{"resultUrls":["https://f/v"]},"response":null"#,
        r#""response":{"resultUrls":["https://f/v"]},"response":{}"#,
        r#""resultUrl":"https://f/v","resultUrl":null"#,
        r#""resultUrls":[],"result_urls":["https://f/v"]"#,
        r#""resultJson":{},"result_json":{"resultUrl":"","result_url":"https://f/v"}"#,
        r#""videoInfo":{"url":"","URL":"https://f/v"}"#,
    ] {
        assert_eq!(results(1, fields), ["https://f/v"], "{fields}");
    }
}

#[test]
fn several_urls_in_one_text_are_several_results() {
    for (text, urls) in [
        (r#""https://f/v,https://f/w""#, &["https://f/v", "https://f/w"][..]),
        (
            r#"" https://f/v , HTTP://f/w ; https://f/x\nhttps://f/y,""#,
            &["https://f/v", "HTTP://f/w", "https://f/x", "https://f/y,"],
        ),
        (r#"["https://f/v|https://f/w","https://f/v"]"#, &["https://f/v", "https://f/w"]),
        (r#"{"url":"https://f/v https://f/w"}"#, &["https://f/v", "https://f/w"]),
        (r#""https://f/a,b?c=d,e""#, &["https://f/a,b?c=d,e"]),
        (r#""https://f/v?next=https://f/w""#, &["https://f/v?next=https://f/w"]),
        (r#""https://f/v,ftp://f/w""#, &["https://f/v,ftp://f/w"]),
        (r#""https://f/my video.mp4""#, &["https://f/my video.mp4"]),
    ] {
        for fields in [format!(r#""response":{{"resultUrls":{text}}}"#), format!(r#""videoUrl":{text}"#)] {
            assert_eq!(results(1, &fields), urls, "{fields}");
        }
    }
}

#[test]
fn what_is_no_url_is_no_result() {
    for text in [
        r#""pending""#,
        r#"["pending"]"#,
        r#"[["/v.mp4"]]"#,
        r#"["s3://f/v"]"#,
        r#"["https://"]"#,
        r#"[{"url":"soon"}]"#,
    ] {
        let documented = format!(r#""response":{{"resultUrls":{text}}}"#);
        let error = ask(200, data(&format!(r#""successFlag":1,{documented}"#))).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(", not a URL"), "{error}");
        let task = ask(200, data(&format!(r#""successFlag":0,{documented}"#))).unwrap();
        assert_eq!((task.result_urls().len(), task.unreadable().len()), (0, 1), "{text}");
        assert_eq!(results(1, &format!(r#"{documented},"videoUrl":"https://f/v""#)), ["https://f/v"], "{text}");
        assert_eq!(results(1, &format!(r#""videoUrl":{text}"#)), [""; 0], "{text}");
    }
}

#[test]
fn source_is_no_result_where_results_are_documented() {
    for sources in
        [r#""originUrls":["https://f/s.mp4?sig=1"]"#, r#""paramJson":"{\"videoUrl\":\"https:\\/\\/f\\/s.mp4\"}""#]
    {
        let usual = format!(r#""response":{{"resultUrls":["https://f/s.mp4"]}},{sources}"#);
        assert_eq!(results(1, &usual), [""; 0], "{usual}");
        let beside = format!(r#""response":{{"resultUrls":["https://f/s.mp4","https://f/v.mp4"]}},{sources}"#);
        assert_eq!(results(1, &beside), ["https://f/v.mp4"], "{beside}");
    }
    let within = r#""response":{"originUrls":["https://f/s"],"resultUrls":["https://f/s"],"resultUrl":"https://f/v"}"#;
    assert_eq!(results(1, within), ["https://f/v"]);
}
