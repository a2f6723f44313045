//! Bodies that are made to be slow to read take time in proportion to their length.

#![allow(clippy::arithmetic_side_effects)] // of short lengths
#![allow(clippy::disallowed_methods)] // reading takes real time

use std::time::{Duration, Instant};

use super::*;

/// Pieces up to this number of bytes. Each `#` in a piece becomes its number.
fn many(piece: &str, separator: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    for number in 0.. {
        let piece = piece.replace('#', &number.to_string());
        if text.len() + separator.len() + piece.len() > bytes {
            break;
        }
        text.push_str(if number > 0 { separator } else { "" });
        text.push_str(&piece);
    }
    text
}

/// JSON as the text in a JSON string, this number of times.
fn quoted(json: &str, times: usize) -> String {
    (0..times).fold(json.to_owned(), |json, _| serde_json::Value::from(json).to_string())
}

fn success(fields: &str) -> String {
    data(&format!(r#""successFlag":1,{fields},"videoUrl":"https://f/v""#))
}

/// Objects of many keys.
fn keys(bytes: usize) -> Vec<String> {
    let keys =
        ["k#", "", "result_url#", "resultUrls", "r_e_s_u_l_t_U_r_l_s", "------", "msg", "response", "\\n", "\n", "é"];
    let values = ["0", "null", "[]", r#"["https://f/#"]"#, r#"{"resultUrls":[]}"#];
    let pairs = keys.iter().flat_map(|key| values.iter().map(move |value| format!(r#""{key}":{value}"#)));
    let objects = pairs.flat_map(|pair| {
        let pairs = many(&pair, ",", bytes);
        [success(&pairs), success(&format!(r#""response":{{{pairs}}}"#)), format!("{{{pairs}}}")]
    });
    objects.collect()
}

/// Lists of many URLs in the place of results and in that of sources.
fn urls(bytes: usize) -> Vec<String> {
    let pairs = [
        (r#""https://f/#""#, r#""https://g/#""#),
        (r#""https://f/#""#, r#""https://f/#""#),
        (r#""http://f""#, r#""http://http://http://""#),
        (r#""http://f?http://f?#""#, r#""http://f?http://f?""#),
        (r#"{"url":"https://f/#"}"#, r#""a""#),
        (r#""http://a,http://b #""#, r#""http://a,http://b""#),
        (r#""{\"url\":\"https://f/#\"}""#, r#""[\"https://f/#\"]""#),
        (r#"["https://f/#",7]"#, r#"[[{}],"http://"]"#),
        (r#""[\"https://f/#\",NaN]""#, "NaN"),
    ];
    let answers = pairs.iter().flat_map(|(result, source)| {
        let (results, sources) = (many(result, ",", bytes / 2), many(source, ",", bytes / 2));
        let inner = quoted(&format!(r#"{{"originUrls":["https://f/s"],"resultUrls":[{result}]}}"#), 1);
        [
            format!(r#""resultUrls":[{results}],"originUrls":[{sources}]"#),
            format!(r#""videoInfo":[{results}],"paramJson":{{"a":[{sources}]}}"#),
            format!(r#""response":{{"resultUrls":[{results}],"originUrls":[{sources}]}}"#),
            format!(r#""response":[{results}],"paramJson":{}"#, quoted(&format!("[{sources}]"), 1)),
            format!(r#"{},"originUrls":[{sources}]"#, many(&format!(r#""resultJson":{inner}"#), ",", bytes / 2)),
        ]
    });
    answers.map(|fields| success(&fields)).collect()
}

/// JSON in JSON, and JSON in text in JSON.
fn nested(bytes: usize) -> Vec<String> {
    let mut values = Vec::new();
    for (open, close) in [("[", "]"), (r#"{"url":"#, "}"), (r#"{"resultUrls":["#, "]}")] {
        for depth in [5, 100, bytes / (open.len() + close.len())] {
            let value = format!("{}0{}", open.repeat(depth), close.repeat(depth));
            let values_of_depth = [quoted(&value, 1), format!("[{}]", many(&value, ",", bytes))];
            values.extend(values_of_depth);
        }
    }
    for times in [2, 5, 9] {
        values.push(quoted(&"x".repeat(bytes), times));
        let list = (0..times).fold(r#"["https://f/s"]"#.to_owned(), |json, _| format!("[{}]", quoted(&json, 1)));
        values.push(format!("[{}]", many(&list, ",", bytes)));
    }
    let places = ["resultUrls", "response", "paramJson", "originUrls", "resultJson"];
    let pairs = values.iter().flat_map(|value| places.map(|place| format!(r#""{place}":{value}"#)));
    pairs.map(|fields| success(&fields)).collect()
}

/// Texts of many characters that mean something, and bodies that are no JSON.
fn texts(bytes: usize) -> Vec<String> {
    let pieces = [
        r#"\""#,
        r"\\",
        r"\ud83d",
        r"\x",
        "\n",
        "1",
        "-",
        " ",
        "http://",
        ".",
        r#"\","#,
        "[",
        r#"{\""#,
        "NaN,",
        "https://a,",
        "<title>",
    ];
    let answers = pieces.iter().flat_map(|piece| {
        let text = many(piece, "", bytes);
        let places =
            ["resultUrls", "response", "paramJson", "createTime", "errorMessage", "successFlag", "taskId", "other"];
        let mut answers = places.map(|place| success(&format!(r#""{place}":"{text}""#))).to_vec();
        answers.push(success(&format!(r#""resultUrls":[{}]"#, many(&format!("\"{piece}\""), ",", bytes))));
        answers.push(success(&format!(r#""other":[{text}]"#)));
        answers.push(text);
        answers
    });
    answers.collect()
}

fn time(body: &str) -> Duration {
    let start = Instant::now();
    drop(ask(200, body));
    start.elapsed()
}

#[test]
fn body_of_eight_times_the_length_takes_about_eight_times_as_long() {
    const SHORT: usize = 4_000;
    for shapes in [keys, urls, nested, texts] {
        for (short, long) in shapes(SHORT).iter().zip(&shapes(8 * SHORT)) {
            // 64 times as long, if each part is compared with each other one. A busy machine interrupts the long one more often.
            let mut best = [Duration::MAX; 2];
            let is_proportionate = (0..40).any(|_| {
                best = [best[0].min(time(short)), best[1].min(time(long))];
                best[1] < best[0] * 36
            });
            assert!(is_proportionate, "{best:?} for {} and {} bytes: {:.200}", short.len(), long.len(), short);
        }
    }
}
