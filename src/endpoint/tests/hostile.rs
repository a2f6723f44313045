//! Bodies that are made to be expensive to read, of several hundred shapes. How long they take is in a benchmark.

#![allow(clippy::arithmetic_side_effects)] // of short lengths

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

#[test]
fn nothing_in_a_hostile_body_makes_an_answer_much_longer_than_it() {
    for shapes in [keys, urls, nested, texts] {
        for body in shapes(8_000) {
            let kept = match ask(200, &body) {
                Ok(task) => serde_json::to_string(&task).unwrap().len(),
                Err(error) => format!("{error} {error:?}").len(),
            };
            assert!(kept < 3 * body.len() + 10_000, "{kept} of {}: {:.200}", body.len(), body);
        }
    }
}
