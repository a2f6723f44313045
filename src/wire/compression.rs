//! A body that is compressed although the request does not ask for it.

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::text::excerpt;

/// Says how a body that cannot be read is compressed: by its header, or else by its first bytes. `None` if it is not.
pub(crate) fn compressed(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named = named.map(excerpt).find(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let format = named.or(match body {
        [0x1F, 0x8B, ..] => Some("gzip"),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Some("zstd"),
        _ => None,
    })?;
    Some(format!("the body is compressed with {format}, which was not asked for"))
}
