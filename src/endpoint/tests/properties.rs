//! Decoding never panics on any bytes, answers any JSON, and gives back what was put in.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reqwest::header::HeaderValue;
use serde_json::{Map, Value, json};

use super::*;
use crate::wire::{Data, Envelope};

/// Every key that decoding knows, and some that it does not.
const KEYS: [&str; 26] = [
    "code",
    "msg",
    "data",
    "taskId",
    "successFlag",
    "createTime",
    "completeTime",
    "errorCode",
    "errorMessage",
    "paramJson",
    "response",
    "resultUrls",
    "originUrls",
    "result_urls",
    "resultUrl",
    "videoUrl",
    "videoInfo",
    "resultJson",
    "errorMsg",
    "failMsg",
    "message",
    "task_id",
    "url",
    "fallbackFlag",
    "",
    "data.taskId",
];

fn whole_answer() -> Value {
    json!({"code": 200, "msg": "success", "data": {"taskId": "x", "successFlag": 1, "createTime": 1, "completeTime": 2,
        "errorCode": 3, "errorMessage": "m", "paramJson": "{}", "response": {"resultUrls": ["u"], "originUrls": ["o"]}}})
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-5..600_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        (-5..600_i64).prop_map(|number| Value::from(number.to_string())),
        Just(Value::from("x")),
    ]
}

/// Any JSON, with the known keys in all the wrong places and, now and then, in the right ones.
fn any_json() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 64, 6, |inner| {
        let key = prop_oneof![proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), any::<String>()];
        let object = vec((key, inner.clone()), 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect()));
        let text = inner.clone().prop_map(|json| Value::from(json.to_string()));
        prop_oneof![4 => object, 2 => vec(inner, 0..4).prop_map(Value::from), 1 => text]
    })
}

/// What the two readers make of it, where both can read it.
fn both(body: &[u8]) -> Option<[String; 2]> {
    let show = |envelope: Envelope<'_>| {
        let record = envelope.data.map(|data| match data {
            Data::Record(record) => record,
            Data::Raw(field) => (LUMA_MODIFY.read_record)(field).unwrap(),
        });
        format!("{:?} {:?} {record:?}", envelope.code, envelope.message)
    };
    Some([show((LUMA_MODIFY.read_strict)(body)?), show(Envelope::parse(body).unwrap())])
}

/// Reads it and looks at all of the outcome.
fn look(status: u16, body: &[u8], retry_after: &[u8]) -> Result<Task, Error> {
    let fits = HeaderValue::from_bytes(retry_after).is_ok();
    let headers: &[_] = if fits { &[("retry-after", retry_after), ("date", retry_after)] } else { &[] };
    let outcome = LUMA_MODIFY.read(&"x".into(), reply(status, body, headers), now, "");
    if let Some([one, other]) = both(body) {
        assert_eq!(one, other);
    }
    match &outcome {
        Ok(task) => {
            assert_eq!(task.id().as_str(), "x");
            assert!(!format!("{task:?} {:?} {:?}", task.params(), task.generation_time()).is_empty());
        }
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Config);
            assert_eq!(error.http_status(), Some(status));
            assert!(error.to_string().chars().count() < 1_000, "{error}");
        }
    }
    outcome
}

/// A URL, a word that stands for nothing, or blanks.
fn result_url() -> impl Strategy<Value = String> {
    prop_oneof![4 => "https?://[a-z][!-+--:<-{}~]{0,20} ?", 1 => " ?(null|none)?"]
}

/// An integer as the gateway may write it.
fn written(number: i64, how: u8) -> Value {
    match how % 3 {
        0 => Value::from(number),
        1 => Value::from(number.to_string()),
        _ if number.unsigned_abs() < 1 << 52 => {
            #[allow(clippy::cast_precision_loss)] // exact below 2^52
            Value::from(number as f64)
        }
        _ => Value::from(number),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(status in 100..1000_u16, body in vec(any::<u8>(), 0..600), header in vec(any::<u8>(), 0..40)) {
        prop_assert!(look(status, &body, &header).is_err(), "random bytes are no record");
    }

    #[test]
    fn no_damage_to_a_whole_answer_makes_it_panic(
        status in 100..1000_u16,
        damage in vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut body = whole_answer().to_string().into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        drop(look(status, &body, b"1"));
    }

    #[test]
    fn any_json_is_answered(status in 100..600_u16, json in any_json()) {
        drop(look(status, json.to_string().as_bytes(), b""));
    }

    #[test]
    fn any_value_in_any_known_place_is_answered(
        planted in vec((proptest::sample::select(&KEYS[..]), 0..3_usize, any_json()), 1..4),
    ) {
        let mut body = whole_answer();
        for (key, place, value) in planted {
            let object = body.pointer_mut(["", "/data", "/data/response"][place]);
            if let Some(object) = object.and_then(Value::as_object_mut) {
                object.insert(key.to_owned(), value);
            }
        }
        drop(look(200, body.to_string().as_bytes(), b""));
    }

    #[test]
    fn a_record_is_read_as_it_was_written(
        flag in any::<i64>(),
        urls in (vec(result_url(), 0..4), vec("\\PC{0,20}", 0..4)),
        times in (option::of(any::<i64>()), option::of(prop_oneof![-5..5_i64, 0..2_000_000_000_000_i64])),
        error in (option::of(any::<i64>()), option::of(any::<String>())),
        param_json in option::of(any::<String>()),
        how in any::<(u8, u8, bool, bool)>(),
    ) {
        let (number, id_form, lists_as_text, nulls) = how;
        let list = |urls: &[String]| {
            if lists_as_text { Value::from(Value::from(urls).to_string()) } else { Value::from(urls) }
        };
        let mut data = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if value.is_some() || nulls {
                data.insert(key.to_owned(), value.unwrap_or_default());
            }
        };
        put("taskId", (id_form % 2 == 0).then(|| "x".into()));
        put("successFlag", Some(written(flag, number)));
        put("response", Some(json!({"resultUrls": list(&urls.0), "originUrls": list(&urls.1)})));
        put("createTime", times.0.map(|time| written(time, number)));
        put("completeTime", times.1.map(|time| written(time, number)));
        put("errorCode", error.0.map(|code| written(code, number)));
        put("errorMessage", error.1.clone().map(Value::from));
        put("paramJson", param_json.clone().map(Value::from));
        let task = look(200, json!({"code": 200, "data": data}).to_string().as_bytes(), b"").unwrap();

        let time = |number: Option<i64>| {
            let number = number.filter(|number| (1..=253_402_300_799_999).contains(number));
            let ms = number.map(|number| if number < 100_000_000_000 { number.saturating_mul(1000) } else { number });
            let ms = ms.and_then(|ms| u64::try_from(ms).ok());
            ms.and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
        };
        let is_placeholder = |text: &str| {
            ["", "null", "none", "nil", "undefined", "n/a"].contains(&text.trim().to_lowercase().as_str())
        };
        let filled = |urls: &[String]| urls.iter().map(|url| url.trim()).filter(|url| !is_placeholder(url)).map(str::to_owned).collect::<Vec<_>>();
        let distinct = |urls: &[String]| {
            let mut seen = std::collections::HashSet::new();
            filled(urls).into_iter().filter(|url| seen.insert(url.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(task.status(), Status::from_flag(flag));
        prop_assert_eq!(task.result_urls(), distinct(&urls.0));
        prop_assert_eq!(task.origin_urls(), filled(&urls.1));
        prop_assert_eq!((task.created_at(), task.completed_at()), (time(times.0), time(times.1)));
        prop_assert_eq!(task.error_code(), error.0.filter(|code| *code != 0));
        prop_assert_eq!(task.error_message(), error.1.as_deref().filter(|text| !is_placeholder(text)));
        prop_assert_eq!(task.param_json(), param_json.as_deref().filter(|text| !is_placeholder(text)));
    }
}
