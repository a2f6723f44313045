//! Callbacks are read whatever their shape, and only what the gateway signed recently is accepted.

mod headers;
mod spellings;

use std::error::Error as _;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::signature::sign;
use super::{Callback, CallbackVerifier};
use crate::error::{Error, ErrorKind};
use crate::task::TaskId;

const KEY: &str = "whsec_test_key";
const ID: &str = "774d9a7dd608a0e49293903095e45a4c";
const SIGNED_AT: u64 = 1_764_000_000;
/// By OpenSSL 3.0.19: `printf '%s.%s' $ID 1764000000 | openssl dgst -sha256 -hmac whsec_test_key -binary | base64`.
const SIGNATURE: &str = "sZGG4uRk9tl7XPtS9ajEFcqW84rCWJoRshiTD+B5xTM=";

fn body(id: &str) -> Vec<u8> {
    format!(
        r#"{{"code":200,"msg":"Modify record generated successfully.","data":{{"taskId":"{id}","promptJson":"{{\"prompt\":\"x\"}}","resultUrls":["https://files.example.com/a.mp4"]}}}}"#
    )
    .into_bytes()
}

fn verify_at(now: u64, timestamp: &str, signature: &str, body: &[u8]) -> Result<Callback, Error> {
    CallbackVerifier::new(KEY).verify_at(now, timestamp.as_bytes(), signature.as_bytes(), body)
}

#[track_caller]
fn refused(outcome: Result<Callback, Error>, kind: ErrorKind, says: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}");
    assert!(!error.is_transient(), "{error}");
    assert!(!format!("{error:?}").contains(KEY) && error.source().is_none());
}

#[test]
fn what_openssl_signed_is_accepted() {
    let callback = verify_at(SIGNED_AT, "1764000000", SIGNATURE, &body(ID)).unwrap();
    assert_eq!(callback.task_id(), &ID);
    // In the same way: printf '%s.%s' x 1764000300 | openssl dgst -sha256 -hmac k -binary | base64
    let short = CallbackVerifier::new("k");
    let signature = b"0Ge5ZLS4pyez5XiwLDwP2+aWXZcrK+ZlpEvB2oQ4oBM=";
    short.verify_at(1_764_000_300, b"1764000300", signature, &body("x")).unwrap();
    // A key longer than a block, an id that is not ASCII: printf '%s.%s' 'задача 7' 1764000000 | openssl dgst -sha256
    // -mac HMAC -macopt hexkey:6b…6b (100 times) -binary | base64
    let long = CallbackVerifier::new([b'k'; 100]);
    let signature = b"LhQmhXQ12LeQ6SXQn27sYNSX7rmhwPgGWeq8NMzkRM4=";
    long.verify_at(SIGNED_AT, b"1764000000", signature, &body("задача 7")).unwrap();
}

#[test]
fn the_body_is_not_covered_by_the_signature() {
    let other = format!(r#"{{"code":500,"data":{{"task_id":"{ID}"}}}}"#);
    assert!(!verify_at(SIGNED_AT, "1764000000", SIGNATURE, other.as_bytes()).unwrap().is_success());
}

#[test]
fn padding_and_blanks_around_a_header_do_not_matter() {
    verify_at(SIGNED_AT, " 1764000000 ", SIGNATURE.trim_end_matches('='), &body(ID)).unwrap();
    verify_at(SIGNED_AT, "1764000000", &format!(" {SIGNATURE}\t"), &body(ID)).unwrap();
}

#[test]
fn each_way_to_fail_has_its_message() {
    let kind = ErrorKind::InvalidSignature;
    let fails = |timestamp: &str, signature: &str, says| {
        refused(verify_at(SIGNED_AT, timestamp, signature, &body(ID)), kind, says);
    };
    fails("", SIGNATURE, "X-Webhook-Timestamp is missing");
    for text in ["yesterday", "-5", "+5", "1.5", "99999999999999999999999999", "1764000000,"] {
        fails(text, SIGNATURE, "X-Webhook-Timestamp is not a number of Unix seconds");
    }
    fails("1764000000", "", "X-Webhook-Signature is missing");
    fails("", "", "X-Webhook-Timestamp and X-Webhook-Signature are missing");
    for text in ["not base64!", "c2hvcnQ=", &SIGNATURE[4..]] {
        fails("1764000000", text, "X-Webhook-Signature is not 32 bytes in base64");
    }
    fails("1764000001", SIGNATURE, "does not match the task id and the timestamp");
    fails("01764000000", SIGNATURE, "does not match the task id and the timestamp");
    let other_task = verify_at(SIGNED_AT, "1764000000", SIGNATURE, &body("another"));
    refused(other_task, kind, "task another: the callback is refused: the signature does not match");
    let other_key = CallbackVerifier::new("whsec_test_kez");
    refused(other_key.verify_at(SIGNED_AT, b"1764000000", SIGNATURE.as_bytes(), &body(ID)), kind, "another key");
    refused(verify_at(SIGNED_AT, "1764000000", SIGNATURE, b"{}"), ErrorKind::Decode, "taskId is missing");
    refused(
        CallbackVerifier::new("").verify_parts("1", SIGNATURE, body(ID)),
        ErrorKind::Config,
        "signing key for callbacks is empty",
    );
}

#[test]
fn a_signature_with_one_bit_flipped_is_refused() {
    let mac = BASE64.decode(SIGNATURE).unwrap();
    for bit in 0..mac.len() * 8 {
        let mut forged = mac.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let outcome = verify_at(SIGNED_AT, "1764000000", &BASE64.encode(forged), &body(ID));
        refused(outcome, ErrorKind::InvalidSignature, "does not match");
    }
}

#[test]
fn a_timestamp_is_accepted_within_the_tolerance() {
    let at = |now| verify_at(now, "1764000000", SIGNATURE, &body(ID));
    for near in [SIGNED_AT - 300, SIGNED_AT + 300] {
        at(near).unwrap();
    }
    refused(
        at(SIGNED_AT + 301),
        ErrorKind::InvalidSignature,
        "it was signed 301s ago, more than the 300s that are allowed",
    );
    refused(
        at(SIGNED_AT - 301),
        ErrorKind::InvalidSignature,
        "it was signed 301s ahead, more than the 300s that are allowed",
    );
    let strict = CallbackVerifier::new(KEY).tolerance(Duration::ZERO);
    let at = |now| strict.verify_at(now, b"1764000000", SIGNATURE.as_bytes(), &body(ID));
    at(SIGNED_AT).unwrap();
    refused(at(SIGNED_AT + 1), ErrorKind::InvalidSignature, "1s ago");
    // Now is long after that.
    refused(
        CallbackVerifier::new(KEY).verify_parts("1764000000", SIGNATURE, body(ID)),
        ErrorKind::InvalidSignature,
        "ago",
    );
}

#[test]
fn the_key_is_in_no_debug() {
    let shown = format!("{:?} {:#?}", CallbackVerifier::new(KEY), CallbackVerifier::new(KEY));
    assert!(shown.contains("tolerance: 300s") && !shown.contains("whsec"), "{shown}");
}

#[test]
fn both_outcomes_and_both_spellings_are_read() {
    let success = Callback::parse(&body(ID)).unwrap();
    assert_eq!((success.task_id(), success.code(), success.is_success()), (&TaskId::from(ID), Some(200), true));
    assert_eq!(success.message(), Some("Modify record generated successfully."));
    assert_eq!(success.result_urls(), ["https://files.example.com/a.mp4"]);
    assert_eq!(success.param_json(), Some(r#"{"prompt":"x"}"#));
    let failure = br#"{"code":500,"msg":"Modify record generation failed.","data":{"taskId":"x","promptJson":"{}"}}"#;
    let failure = Callback::parse(failure).unwrap();
    assert_eq!((failure.code(), failure.is_success(), failure.result_urls().len()), (Some(500), false, 0));
    let other = br#"{"code":"200","data":{"task_id":"x","paramJson":"p","result_urls":"[\"u\"]"}}"#;
    let other = Callback::parse(other).unwrap();
    assert_eq!((other.task_id().as_str(), other.is_success(), other.param_json()), ("x", true, Some("p")));
    assert_eq!(other.result_urls(), ["u"]);
}

#[test]
fn only_the_task_id_must_be_readable() {
    for text in [
        r#"{"data":{"taskId":"x"}}"#,
        r#"{"code":null,"msg":null,"data":{"taskId":"x","promptJson":null,"resultUrls":null,"new":[1,{}]}}"#,
        "\u{feff} {\"data\":{\"taskId\":\"y\",\"taskId\":\"x\",\"resultUrls\":[null,\"\"]}}",
        r#"{"code":"ok","data":{"taskId":"x","resultUrls":[1],"result_urls":{}}}"#,
        r#"{"data":{"taskId":"x","task_id":null}}"#,
        r#"{"data":{"taskId":"","task_id":"x"}}"#,
        r#"{"data":{"taskId":"x","task_id":"y"}}"#,
    ] {
        let callback = Callback::parse(text.as_bytes()).unwrap();
        assert_eq!((callback.task_id().as_str(), callback.code(), callback.message()), ("x", None, None));
        assert!(callback.result_urls().is_empty() && callback.param_json().is_none() && !callback.is_success());
    }
    assert_eq!(Callback::parse(br#"{"data":{"taskId":7}}"#).unwrap().task_id(), &"7");
}

#[test]
fn a_blank_url_is_left_out() {
    for urls in [r#"["", " ", "https://a/b", "\t\n"]"#, r#"" [\"https://a/b\", \" \"]""#, r#""https://a/b""#] {
        let body = format!(r#"{{"data":{{"taskId":"x","resultUrls":{urls}}}}}"#);
        assert_eq!(Callback::parse(body.as_bytes()).unwrap().result_urls(), ["https://a/b"], "{urls}");
    }
}

#[test]
fn a_blank_id_counts_as_missing() {
    for blank in [r#""""#, r#"" ""#, r#""\t\n""#, "null"] {
        let body = format!(r#"{{"data":{{"taskId":{blank},"task_id":{blank}}}}}"#);
        let error = Callback::parse(body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("data.taskId is missing"), "{blank}: {error}");
        let body = format!(r#"{{"data":{{"taskId":{blank},"task_id":"x"}}}}"#);
        assert_eq!(Callback::parse(body.as_bytes()).unwrap().task_id(), &"x", "{blank}");
    }
}

#[test]
fn an_unreadable_callback_says_what_and_where() {
    for (text, says) in [
        ("", "it is empty"),
        ("taskId=x", "it is not JSON"),
        (r#"{"data":{"taskId":"x"}"#, "it is JSON that ends too soon"),
        ("[]", "it is JSON, but not an object"),
        (r#"{"code":200}"#, "cannot be read: taskId is missing"),
        (r#"{"data":"x"}"#, "data is a text, not an object"),
        (r#"{"data":{}}"#, "data.taskId is missing"),
        (r#"{"data":{"taskId":" "}}"#, "data.taskId is missing"),
        (r#"{"data":{"taskId":{"a":1}}}"#, "data.taskId is an object, not a text"),
        (r#"{"data":{"taskId":true}}"#, "data.taskId is true, not a text"),
        (r#"{"data":{"task_id":["x"]}}"#, "data.taskId is a list, not a text"),
        (r#"{"data":{"taskId":"\ud800"}}"#, "data.taskId is a text, not a valid text"),
    ] {
        let error = Callback::parse(text.as_bytes()).unwrap_err();
        assert!(error.kind() == ErrorKind::Decode && error.to_string().contains(says), "{text}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_panic(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            // Cut, joined and bent pieces of what a callback is made of.
            prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "\\ud800", "null", "1e999", "-0", "200", "\u{feff}", "é",
                "\"data\"", "\"code\"", "\"taskId\"", "\"task_id\"", "\"resultUrls\"", "\"promptJson\"", "\"x\"",
            ]), 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        ],
        timestamp in prop_oneof![prop::collection::vec(any::<u8>(), 0..30), "[0-9]{1,25}".prop_map(String::into_bytes)],
        signature in prop_oneof![prop::collection::vec(any::<u8>(), 0..60), "[A-Za-z0-9+/]{43}=".prop_map(String::into_bytes)],
        now in any::<u64>(),
    ) {
        if let Ok(callback) = Callback::parse(&body) {
            prop_assert!(!callback.task_id().as_str().trim().is_empty());
        }
        let outcome = CallbackVerifier::new(KEY).verify_at(now, &timestamp, &signature, &body);
        prop_assert!(outcome.is_err(), "nobody guesses a signature");
    }

    #[test]
    fn what_is_signed_with_the_key_is_accepted(id in "[^\u{0}\"\\\\]{0,40}x", at in 0..=10_000_000_000_u64, key in "..*") {
        let verifier = CallbackVerifier::new(&key);
        let timestamp = at.to_string();
        let id = TaskId::from(id);
        let signature = sign(&key, &id, &timestamp);
        let body = serde_json::to_vec(&serde_json::json!({ "data": { "taskId": id } })).unwrap();
        let callback = verifier.verify_at(at, timestamp.as_bytes(), signature.as_bytes(), &body).unwrap();
        prop_assert_eq!(callback.task_id(), &id);
    }
}
