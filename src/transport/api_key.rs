//! The API key: checked, as a header, and how long it is valid.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;

use crate::error::Error;
use crate::spelling::is_quotation_mark;

/// An API key with its expiry: what the function given to
/// [`ClientBuilder::api_key_from`](crate::ClientBuilder::api_key_from) can return.
///
/// Its text is in no `Debug` output. A key without an expiry is used until the gateway refuses it.
///
/// ```
/// use luma_watch::ApiKey;
/// use std::time::{Duration, SystemTime};
///
/// let key = ApiKey::new("sk-5up3rs3cr3t").expires_in(Duration::from_secs(3600));
/// assert_eq!(format!("{key:?}"), "ApiKey { expires_in: Some(3600s), .. }");
///
/// // If the source names the moment at which the key expires:
/// # let expires_at = SystemTime::now() + Duration::from_secs(60);
/// let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
/// let key = ApiKey::new("sk-5up3rs3cr3t").expires_in(left);
/// # drop(key);
/// ```
#[derive(Clone)]
pub struct ApiKey {
    text: String,
    expires_in: Option<Duration>,
}

impl ApiKey {
    /// A key that does not expire.
    ///
    /// It is checked when it is used: what cannot be a key is a failed poll of the kind
    /// [`Config`](crate::ErrorKind::Config).
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), expires_in: None }
    }

    /// Sets for how long the key is valid, from when the source has returned it. Default: until it is refused.
    ///
    /// A fresh key is requested one minute before the end. If `time` is under 10 minutes, it is requested after nine tenths of it.
    #[must_use]
    pub const fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_parts(self) -> (String, Option<Duration>) {
        (self.text, self.expires_in)
    }
}

impl From<String> for ApiKey {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for ApiKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// The value of `Authorization`, marked as sensitive.
pub(crate) fn bearer(api_key: &str) -> Result<HeaderValue, Error> {
    checked(api_key).map_err(Error::config)
}

/// The same. The error says what is wrong with the key, without the key.
pub(super) fn checked(api_key: &str) -> Result<HeaderValue, Cow<'static, str>> {
    let trimmed = api_key.trim();
    if trimmed.is_empty() {
        return Err("the API key is empty".into());
    }
    if is_quoted(trimmed) {
        return Err("the API key is in quotes: give it without them".into());
    }
    let first_word = trimmed.split_whitespace().next().unwrap_or_default();
    if first_word.eq_ignore_ascii_case("bearer") {
        return Err("the API key begins with the word Bearer: give the key alone, the word is added".into());
    }
    if starts_with_ignoring_case(first_word, "authorization:") {
        return Err("the API key is a whole Authorization header: give the key alone".into());
    }
    if trimmed.starts_with("export ") || trimmed.starts_with("APIKLEY_API_KEY") {
        return Err("the API key begins with the name of its variable: give only what follows the =".into());
    }
    if is_unexpanded(trimmed, "APIKLEY_API_KEY") {
        return Err(
            "the API key is the name of a variable, which nothing has replaced by its value: give the value".into()
        );
    }
    if let Some((at, wrong)) = api_key.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic()) {
        let (at, name) = (at.saturating_add(1), character_name(wrong));
        return Err(format!(
            "character {at} of the API key is {name}, which no key contains: give the key alone, without anything around it"
        )
        .into());
    }
    let mut value = HeaderValue::try_from(format!("Bearer {api_key}"))
        .map_err(|_| "the API key cannot be sent in an HTTP header")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether a text begins or ends with a quotation mark.
pub(super) fn is_quoted(text: &str) -> bool {
    text.starts_with(is_quotation_mark) || text.ends_with(is_quotation_mark)
}

/// Whether a text names a variable, as shells, templates and Windows write it.
pub(super) fn is_unexpanded(text: &str, name: &str) -> bool {
    let is_name = |text: &str| text.eq_ignore_ascii_case(name);
    text.starts_with("${")
        || text.strip_prefix('$').is_some_and(is_name)
        || text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name)
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

const fn character_name(c: char) -> &'static str {
    match c {
        ' ' => "a space",
        '\t' => "a tab",
        '\n' | '\r' => "a line break",
        c if c.is_ascii() => "a control character",
        _ => "not ASCII",
    }
}
