//! The gateway's callback: read, and proved to be the gateway's.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::endpoint::LUMA_MODIFY;
use crate::error::{Error, ErrorKind};
use crate::task::TaskId;
use crate::wire::CallbackBody;

/// Old enough for the gateway's retries and for clocks that differ, too young to be of use to whoever finds it later.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the gateway posts to a task's `callBackUrl` when the task is done. Needs the feature `callback`.
///
/// **A hint to look now, never the result itself**: its signature covers the task's id and the time, but not the rest. Hand
/// it to [`Client::notify`](crate::Client::notify); the watch then tells what the task's record says.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    task_id: TaskId,
    notice: CallbackBody,
}

impl Callback {
    /// Reads the body of a callback, whoever sent it: for an account without a signing key. With one, use
    /// [`CallbackVerifier::verify`].
    ///
    /// Only the id must be there, as a text or a number, under either name that the vendor gives it (`taskId`, `task_id`).
    /// What else is absent, null or cannot be read is left out: it is worth less than the hint.
    ///
    /// Nothing proves who sent it, and whoever knows the URL may: keep that secret, and set a
    /// [request budget](crate::ClientBuilder::request_budget).
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode), with what cannot be read and where.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let notice = (LUMA_MODIFY.read_callback)(body).map_err(|why| Error::new(ErrorKind::Decode, why).permanent())?;
        Ok(Self { task_id: TaskId::from(&notice.task_id), notice })
    }

    /// The task that it is about.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.task_id
    }

    /// Whether it says that the task succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.notice.code == Some(200)
    }

    /// The `code` that it gives: 200 for a success, 500 for a failure.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.notice.code
    }

    /// The `msg` that it gives.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.notice.message.as_deref()
    }

    /// Where it says that the videos are. Nothing proves it: fetch those of the task's record.
    #[must_use]
    pub fn result_urls(&self) -> &[String] {
        &self.notice.result_urls
    }

    /// The parameters that the task was created with, as JSON text: its `promptJson`.
    #[must_use]
    pub fn param_json(&self) -> Option<&str> {
        self.notice.param_json.as_deref()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallbackBody { task_id: _, code, message, result_urls, param_json } = &self.notice;
        f.debug_struct("Callback")
            .field("task_id", &self.task_id.as_str())
            .field("code", code)
            .field("message", message)
            .field("result_urls", result_urls)
            .field("param_json", param_json)
            .finish()
    }
}

/// Tells the gateway's callbacks from forged and from replayed ones, by the account's signing key. Needs the feature
/// `callback`.
///
/// The gateway signs where the account has a key set: `X-Webhook-Timestamp` (Unix seconds) and `X-Webhook-Signature`, which
/// is the base64 of HMAC-SHA256 over the task's id, a dot and the timestamp.
///
/// ```
/// use luma_watch::{CallbackVerifier, ErrorKind};
///
/// let verifier = CallbackVerifier::new("signing-key");
/// let body = br#"{"code":200,"msg":"success","data":{"taskId":"774d9a7dd608a0e49293903095e45a4c"}}"#;
/// // As they come in the headers `TIMESTAMP_HEADER` and `SIGNATURE_HEADER`; one that is missing is an empty text.
/// let forged = verifier.verify("1764000000", "bm90IGEgc2lnbmF0dXJl", body).unwrap_err();
/// assert_eq!(forged.kind(), ErrorKind::InvalidSignature);
/// ```
#[derive(Clone)]
pub struct CallbackVerifier {
    /// None if the key is empty: anyone could sign with that.
    mac: Option<Hmac<Sha256>>,
    tolerance: Duration,
}

impl CallbackVerifier {
    /// The name of the header that holds the timestamp.
    pub const TIMESTAMP_HEADER: &'static str = "x-webhook-timestamp";
    /// The name of the header that holds the signature.
    pub const SIGNATURE_HEADER: &'static str = "x-webhook-signature";

    /// By the account's signing key, which is not the API key. An empty one accepts nothing.
    #[must_use]
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        let key = Some(key.as_ref()).filter(|key| !key.is_empty());
        Self { mac: key.and_then(|key| Hmac::new_from_slice(key).ok()), tolerance: TOLERANCE }
    }

    /// How far a callback's timestamp may lie from this machine's clock, before it or after it. Default: 5 min.
    ///
    /// An older one may be a replay. It must be longer than the gateway's retries take, and than clocks differ.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Reads a callback if it is proved to be the gateway's: from the values of its headers
    /// [`TIMESTAMP_HEADER`](Self::TIMESTAMP_HEADER) and [`SIGNATURE_HEADER`](Self::SIGNATURE_HEADER), in this order and
    /// empty where they are missing, and its body.
    ///
    /// What is proved is that the gateway called about this task, and when. **The signature does not cover the body**:
    /// whoever has seen a callback can send it again, within the tolerance, with anything but the task's id changed.
    ///
    /// # Errors
    /// [`InvalidSignature`](ErrorKind::InvalidSignature), with what is wrong: a header that is missing or cannot be read,
    /// a signature that does not fit, a timestamp too old or too far ahead. [`Decode`](ErrorKind::Decode), as
    /// [`Callback::parse`]. [`Config`](ErrorKind::Config): the key is empty.
    pub fn verify(
        &self,
        timestamp: impl AsRef<[u8]>,
        signature: impl AsRef<[u8]>,
        body: impl AsRef<[u8]>,
    ) -> Result<Callback, Error> {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.verify_at(unix.as_secs(), timestamp.as_ref(), signature.as_ref(), body.as_ref())
    }

    fn verify_at(&self, now: u64, timestamp: &[u8], signature: &[u8], body: &[u8]) -> Result<Callback, Error> {
        let Some(mac) = &self.mac else {
            return Err(Error::config("the callbacks' signing key is empty: anyone could sign with that"));
        };
        let (timestamp, signature) = (timestamp.trim_ascii(), signature.trim_ascii());
        if timestamp.is_empty() && signature.is_empty() {
            return Err(invalid(
                "X-Webhook-Timestamp and X-Webhook-Signature are missing: the gateway signs where the account has a key set",
            ));
        }
        let signed_at = seconds(timestamp)?;
        if signature.is_empty() {
            return Err(invalid("X-Webhook-Signature is missing"));
        }
        let signature = BASE64.decode(signature).ok().filter(|mac| mac.len() == 32);
        let signature = signature.ok_or_else(|| invalid("X-Webhook-Signature is not the base64 of 32 bytes"))?;
        let callback = Callback::parse(body)?;
        let about = |error: Error| error.of_task(&callback.task_id, None);
        if signed(mac, &callback.task_id, timestamp).verify_slice(&signature).is_err() {
            return Err(about(invalid(
                "the signature does not fit the task id and the timestamp: it was made with another key, or for another callback",
            )));
        }
        let away = Duration::from_secs(now.abs_diff(signed_at));
        if away > self.tolerance {
            let (direction, why) = if signed_at < now {
                ("ago", "it is a replay, was long under way, or a clock is wrong")
            } else {
                ("ahead", "a clock is wrong, or these are not Unix seconds")
            };
            let tolerance = self.tolerance;
            return Err(about(invalid(format!(
                "it was signed {away:?} {direction}, and {tolerance:?} are allowed: {why}"
            ))));
        }
        Ok(callback)
    }
}

/// Over what the gateway signs.
fn signed(mac: &Hmac<Sha256>, task_id: &TaskId, timestamp: &[u8]) -> Hmac<Sha256> {
    [task_id.as_str().as_bytes(), b".", timestamp].into_iter().fold(mac.clone(), Mac::chain_update)
}

/// A callback's signature, as the gateway makes it.
#[cfg(feature = "simulator")]
pub(crate) fn sign(key: &str, task_id: &TaskId, timestamp: &str) -> String {
    let mac = CallbackVerifier::new(key).mac.map(|mac| signed(&mac, task_id, timestamp.as_bytes()).finalize());
    mac.map_or_else(String::new, |mac| BASE64.encode(mac.into_bytes()))
}

fn seconds(timestamp: &[u8]) -> Result<u64, Error> {
    if timestamp.is_empty() {
        return Err(invalid("X-Webhook-Timestamp is missing"));
    }
    let text = std::str::from_utf8(timestamp).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("X-Webhook-Timestamp is not a number of Unix seconds"))
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidSignature, detail)
}

impl fmt::Debug for CallbackVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackVerifier").field("tolerance", &self.tolerance).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
