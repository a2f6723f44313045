//! The signature of a callback: base64 of HMAC-SHA256 over the task id, a dot and the timestamp. It does not cover the body.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::task::TaskId;

/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The length of a signature before it is encoded.
const SIGNATURE_LEN: usize = 32;

/// The account's signing key. It is never printed.
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// `None` if the key is empty: anyone could sign with it.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        if key.is_empty() {
            return None;
        }
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// Whether the signature, already decoded, was made with this key for this task and timestamp. Takes the same time
    /// for every wrong signature.
    pub(super) fn matches(&self, task_id: &TaskId, timestamp: &[u8], signature: &[u8]) -> bool {
        self.mac(task_id, timestamp).verify_slice(signature).is_ok()
    }

    fn mac(&self, task_id: &TaskId, timestamp: &[u8]) -> Hmac<Sha256> {
        [task_id.as_str().as_bytes(), b".", timestamp].into_iter().fold(self.0.clone(), Mac::chain_update)
    }
}

/// The signature of a callback, as the gateway makes it. Empty if the key is empty.
#[cfg(any(test, feature = "simulator"))]
pub(crate) fn sign(key: &str, task_id: &TaskId, timestamp: &str) -> String {
    let mac = SigningKey::new(key.as_bytes()).map(|key| key.mac(task_id, timestamp.as_bytes()).finalize());
    mac.map_or_else(String::new, |mac| BASE64.encode(mac.into_bytes()))
}

/// The signature in a header's value. `None` if it is not the base64 of 32 bytes.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(value).ok().filter(|signature| signature.len() == SIGNATURE_LEN)
}
