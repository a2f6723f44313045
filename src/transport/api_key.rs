//! The API key as a header.

use reqwest::header::HeaderValue;

use crate::error::Error;

/// The value of `Authorization`, marked as sensitive.
pub(crate) fn bearer(api_key: &str) -> Result<HeaderValue, Error> {
    if api_key.trim().is_empty() {
        return Err(Error::config("the API key is empty"));
    }
    if let Some(at) = api_key.chars().position(|c| !c.is_ascii_graphic()) {
        return Err(Error::config(format!(
            "character {} of the API key cannot be part of a key: it is a space, a line break or other control character, or not ASCII",
            at.saturating_add(1)
        )));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {api_key}"))
        .map_err(|_| Error::config("the API key cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
