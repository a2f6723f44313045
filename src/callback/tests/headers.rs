//! A request is accepted by its two headers, each given once or always alike.

use std::time::SystemTime;

use reqwest::header::HeaderMap;

use super::*;

/// The headers of a request, in this order.
fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// A timestamp of this moment, and its signature.
fn signed_now() -> (String, String) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let signature = sign(KEY, &ID.into(), &now);
    (now, signature)
}

#[test]
fn a_request_with_both_headers_is_accepted() {
    let (timestamp, signature) = &signed_now();
    let verifier = CallbackVerifier::new(KEY);
    let headers = headers(&[
        ("content-type", "application/json"),
        (CallbackVerifier::TIMESTAMP_HEADER, timestamp),
        (CallbackVerifier::SIGNATURE_HEADER, signature),
    ]);
    assert_eq!(verifier.verify(&headers, body(ID)).unwrap(), Callback::parse(&body(ID)).unwrap());
    assert_eq!(verifier.verify_parts(timestamp, signature, body(ID)).unwrap().task_id(), ID);
    refused(verifier.verify(&headers, body("another")), ErrorKind::InvalidSignature, "does not match");
}

#[test]
fn a_request_without_a_header_is_refused() {
    let (timestamp, signature) = &signed_now();
    let verify = |values: &[_]| CallbackVerifier::new(KEY).verify(&headers(values), body(ID));
    let kind = ErrorKind::InvalidSignature;
    refused(verify(&[]), kind, "X-Webhook-Timestamp and X-Webhook-Signature are missing");
    refused(verify(&[("x-webhook-timestamp", timestamp)]), kind, "X-Webhook-Signature is missing");
    refused(verify(&[("x-webhook-signature", signature)]), kind, "X-Webhook-Timestamp is missing");
}

#[test]
fn a_header_given_twice_counts_only_if_both_agree() {
    let (timestamp, signature) = &signed_now();
    let (time, signed) = ("x-webhook-timestamp", "x-webhook-signature");
    let verify = |values: &[_]| CallbackVerifier::new(KEY).verify(&headers(values), body(ID));
    let (right, padded) = ([(time, timestamp.as_str()), (signed, signature)], format!(" {signature} "));
    verify(&[right[0], right[1], right[0], (signed, &padded)]).unwrap();
    for other in ["bm90IGEgc2lnbmF0dXJl", ""] {
        for values in [[(signed, other), right[1], right[0]], [right[1], (signed, other), right[0]]] {
            refused(verify(&values), ErrorKind::InvalidSignature, "x-webhook-signature is given more than once");
        }
    }
    let two_times = [right[0], (time, "1764000000"), right[1]];
    refused(verify(&two_times), ErrorKind::InvalidSignature, "x-webhook-timestamp is given more than once");
}
