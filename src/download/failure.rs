//! Why a file is not kept, as errors: what passes, and what does not.

use std::io;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::error::{Error, ErrorKind};

/// What a user does about a link that is gone.
const NEXT_LINK: &str = "the task has ended and was billed: do not create it again, ask for its record (Client::status), which may \
                         list another link";

/// What is read of a page that stands in place of a file, in bytes.
pub(super) const MAX_PAGE: usize = 4096;

/// The error of an answer that is no file. `page`: the beginning of its body.
pub(super) fn of_status(host: &str, status: u16, page: &[u8]) -> Error {
    let (kind, detail) = match status {
        401 | 403 => (ErrorKind::Expired, format!("{host} does not give it out, or no longer; {NEXT_LINK}")),
        404 | 410 => (ErrorKind::Expired, format!("{host} does not have it any more; {NEXT_LINK}")),
        _ if says_expired(page) => (ErrorKind::Expired, format!("{host} says that it has expired; {NEXT_LINK}")),
        408 | 421 | 425 => (ErrorKind::Transport, format!("{host} did not get the request")),
        407 => (ErrorKind::Transport, "the proxy asks for a user name and a password".to_owned()),
        429 | 430 => (ErrorKind::RateLimited, host.to_owned()),
        503 => (ErrorKind::Maintenance, host.to_owned()),
        500..=599 => (ErrorKind::Server, host.to_owned()),
        200..=299 => (ErrorKind::NotMedia, format!("{host} answers without a file")),
        300..=399 => (ErrorKind::Server, format!("{host} redirects to nowhere")),
        _ => (ErrorKind::InvalidRequest, host.to_owned()),
    };
    let error = of_host(Error::new(kind, detail)).with_response(Some(status), None, None);
    if status == 407 { error.permanent() } else { error }
}

/// With a sentence about a file host, where the kind's own is about the gateway.
pub(super) fn of_host(error: Error) -> Error {
    let description = match error.kind() {
        ErrorKind::RateLimited => "the file host asks for fewer requests",
        ErrorKind::Maintenance => "the file host is not available",
        ErrorKind::Server => "the file host failed",
        ErrorKind::Timeout => "the file did not come in time",
        ErrorKind::Transport => "the file did not get through",
        ErrorKind::InvalidRequest => "the file host refused the request",
        _ => return error,
    };
    error.described_as(description)
}

pub(super) fn broken(host: &str, bytes: u64, size: Option<u64>) -> Error {
    let of = size.map_or_else(String::new, |size| format!(" of {size}"));
    of_host(Error::new(ErrorKind::Transport, format!("the connection to {host} broke after {bytes}{of} bytes")))
}

pub(super) fn refused(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotMedia, detail.into())
}

pub(super) fn too_large(limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("it has more than {limit} bytes (DownloadOptions::max_file_size)"))
}

pub(super) fn of_storage(doing: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, format!("{doing}: {error}")).caused_by(error)
}

/// Refuses what the headers of a good answer say is no media file. Without a content type, [its first bytes](looks_like_page)
/// decide.
pub(super) fn check_media(host: &str, headers: &HeaderMap) -> Result<(), Error> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter().map(text);
    if let Some(encoding) = encodings.find(|encoding| !matches!(encoding.as_str(), "" | "identity")) {
        return Err(refused(format!("{host} sends it compressed ({encoding}), which was not asked for")));
    }
    let Some(content_type) = headers.get(CONTENT_TYPE).map(text) else { return Ok(()) };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_media = ["video/", "audio/", "image/"].iter().any(|start| essence.starts_with(start))
        && essence != "image/svg+xml"
        || matches!(
            essence,
            ""  // what it is, is not said
                | "application/octet-stream"
                | "binary/octet-stream"
                | "application/x-binary"
                | "application/force-download"
                | "application/x-download"
                | "application/mp4"
                | "application/ogg"
                | "application/mxf"
        );
    if is_media { Ok(()) } else { Err(refused(format!("{host} sends {essence}, which is no media type"))) }
}

/// Whether the first bytes of a file are those of an HTML, XML or JSON page.
pub(super) fn looks_like_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    matches!(start.first(), Some(b'<' | b'{' | b'['))
}

/// Storage services say so in XML, with one of several HTTP statuses: S3, Google, Azure, Aliyun.
pub(super) fn says_expired(page: &[u8]) -> bool {
    const CODES: [&str; 6] =
        ["expired", "nosuchkey", "nosuchbucket", "blobnotfound", "resourcenotfound", "containernotfound"];
    let page = String::from_utf8_lossy(page.get(..MAX_PAGE).unwrap_or(page)).to_ascii_lowercase();
    page.trim_start_matches('\u{feff}').trim_start().starts_with('<') && CODES.iter().any(|code| page.contains(code))
}
