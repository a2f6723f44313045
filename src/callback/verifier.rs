//! Checks that the gateway sent a callback, and sent it recently.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::parsed::Callback;
use super::signature::{SigningKey, decode};
use crate::error::{Error, ErrorKind};

/// Longer than the gateway's retries take and than clocks differ, short enough to make a recorded callback useless soon.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Accepts the callbacks that the gateway signed with the account's signing key, and refuses forged and old ones. Needs the
/// feature `callback`.
///
/// The gateway signs callbacks if the account has a signing key. It then sends two headers: `X-Webhook-Timestamp`, in Unix
/// seconds, and `X-Webhook-Signature`, the base64 of HMAC-SHA256 over the task id, a dot and the timestamp.
///
/// Make one verifier when your service starts, and call [`verify`](Self::verify) for each request:
///
/// In the guide: [callbacks](crate::guide::callbacks).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{CallbackVerifier, ErrorKind};
/// use reqwest::header::HeaderMap; // also known as axum::http::HeaderMap and http::HeaderMap
///
/// let verifier = CallbackVerifier::new("whsec_test_key");
/// let body = br#"{"code":200,"msg":"success","data":{"taskId":"774d9a7dd608a0e49293903095e45a4c"}}"#;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-webhook-timestamp", "1764000000".parse().unwrap());
/// headers.insert("x-webhook-signature", "sZGG4uRk9tl7XPtS9ajEFcqW84rCWJoRshiTD+B5xTM=".parse().unwrap());
///
/// // The signature is right, but this callback is from November 2025.
/// let error = verifier.verify(&headers, body).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidSignature);
///
/// // A test may accept a recorded callback of any age.
/// let callback = verifier.tolerance(Duration::MAX).verify(&headers, body).unwrap();
/// assert_eq!(callback.task_id(), "774d9a7dd608a0e49293903095e45a4c");
/// ```
#[derive(Clone)]
pub struct CallbackVerifier {
    /// `None` if the key is empty.
    key: Option<SigningKey>,
    tolerance: Duration,
}

impl CallbackVerifier {
    /// The name of the header that holds the timestamp: `x-webhook-timestamp`.
    pub const TIMESTAMP_HEADER: &'static str = "x-webhook-timestamp";
    /// The name of the header that holds the signature: `x-webhook-signature`.
    pub const SIGNATURE_HEADER: &'static str = "x-webhook-signature";

    /// A verifier for callbacks that are signed with this key: the account's signing key, not its API key.
    ///
    /// With an empty key, every callback is refused.
    #[must_use]
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self { key: SigningKey::new(key.as_ref()), tolerance: DEFAULT_TOLERANCE }
    }

    /// How far a callback's timestamp may differ from this machine's clock, in either direction. Default: 5 minutes.
    ///
    /// A shorter time leaves less room to replay a callback. It must still cover the gateway's retries, and the difference
    /// between the two clocks.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Reads a callback from the headers and the body of a request, if the gateway signed it.
    ///
    /// `headers` is an `http::HeaderMap`, the type that axum, hyper and reqwest use. A header that is given more than once
    /// with one value counts once; with different values, the callback is refused.
    ///
    /// What is proved is that the gateway made a callback for this task, and when. **The signature does not cover the
    /// body**: whoever sees a callback can send it again, within the [tolerance](Self::tolerance), with everything changed
    /// except the task id.
    ///
    /// # Errors
    /// - [`InvalidSignature`](ErrorKind::InvalidSignature): a header is missing or unreadable, the signature does not match, or
    ///   the timestamp differs too much from the clock. Answer 401.
    /// - [`Decode`](ErrorKind::Decode): the body cannot be read, see [`Callback::parse`]. Answer 400.
    /// - [`Config`](ErrorKind::Config): the key is empty.
    pub fn verify(&self, headers: &HeaderMap, body: impl AsRef<[u8]>) -> Result<Callback, Error> {
        let timestamp = only_value(headers, Self::TIMESTAMP_HEADER)?;
        let signature = only_value(headers, Self::SIGNATURE_HEADER)?;
        self.verify_at(unix_now(), timestamp, signature, body.as_ref())
    }

    /// As [`verify`](Self::verify), for services whose headers are not an `http::HeaderMap`.
    ///
    /// - `timestamp` is the value of [`TIMESTAMP_HEADER`](Self::TIMESTAMP_HEADER), empty if the header is missing;
    /// - `signature` is the value of [`SIGNATURE_HEADER`](Self::SIGNATURE_HEADER), empty if the header is missing;
    /// - `body` is the body of the request, as it came.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    ///
    /// ```
    /// use luma_watch::{CallbackVerifier, ErrorKind};
    ///
    /// let (timestamp, signature) = ("1764000000", "bm90IGEgc2lnbmF0dXJl");
    /// let body = br#"{"code":200,"msg":"success","data":{"taskId":"774d9a7d"}}"#;
    /// let forged = CallbackVerifier::new("signing-key").verify_parts(timestamp, signature, body).unwrap_err();
    /// assert_eq!(forged.kind(), ErrorKind::InvalidSignature);
    /// ```
    pub fn verify_parts(
        &self,
        timestamp: impl AsRef<[u8]>,
        signature: impl AsRef<[u8]>,
        body: impl AsRef<[u8]>,
    ) -> Result<Callback, Error> {
        self.verify_at(unix_now(), timestamp.as_ref(), signature.as_ref(), body.as_ref())
    }

    /// `now` is in Unix seconds.
    pub(super) fn verify_at(
        &self,
        now: u64,
        timestamp: &[u8],
        signature: &[u8],
        body: &[u8],
    ) -> Result<Callback, Error> {
        let Some(key) = &self.key else {
            return Err(Error::config("the signing key for callbacks is empty: anyone could sign with it"));
        };
        let (timestamp, signature) = (timestamp.trim_ascii(), signature.trim_ascii());
        if timestamp.is_empty() && signature.is_empty() {
            return Err(invalid(
                "X-Webhook-Timestamp and X-Webhook-Signature are missing: the gateway signs only if the account has a signing key",
            ));
        }
        let signed_at = seconds(timestamp)?;
        if signature.is_empty() {
            return Err(invalid("X-Webhook-Signature is missing"));
        }
        let signature = decode(signature).ok_or_else(|| invalid("X-Webhook-Signature is not 32 bytes in base64"))?;
        let callback = Callback::parse(body)?;
        let of_task = |error: Error| error.of_task(callback.task_id(), None);
        if !key.matches(callback.task_id(), timestamp, &signature) {
            return Err(of_task(invalid(
                "the signature does not match the task id and the timestamp: it was made with another key, or for another callback",
            )));
        }
        let difference = Duration::from_secs(now.abs_diff(signed_at));
        if difference > self.tolerance {
            let (direction, why) = if signed_at < now {
                ("ago", "it is a replay, it came late, or a clock is wrong")
            } else {
                ("ahead", "a clock is wrong, or the timestamp is not in Unix seconds")
            };
            let tolerance = self.tolerance;
            return Err(of_task(invalid(format!(
                "it was signed {difference:?} {direction}, more than the {tolerance:?} that are allowed: {why}"
            ))));
        }
        Ok(callback)
    }
}

/// This machine's clock, in Unix seconds.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The value of a header, empty if it is missing. With two different values nobody knows which one the gateway sent.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Error> {
    let mut values = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
    let first = values.next().unwrap_or_default();
    if values.any(|other| other != first) {
        return Err(invalid(format!("{name} is given more than once, with different values")));
    }
    Ok(first)
}

fn seconds(timestamp: &[u8]) -> Result<u64, Error> {
    if timestamp.is_empty() {
        return Err(invalid("X-Webhook-Timestamp is missing"));
    }
    let text = std::str::from_utf8(timestamp).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("X-Webhook-Timestamp is not a number of Unix seconds"))
}

fn invalid(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidSignature, detail)
}

impl fmt::Debug for CallbackVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackVerifier").field("tolerance", &self.tolerance).finish_non_exhaustive()
    }
}
