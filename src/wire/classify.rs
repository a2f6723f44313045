//! What an answer that holds no record means: which status or code makes which kind of error.

use std::borrow::Cow;

use reqwest::header::HeaderMap;

use super::intermediary::describe;
use super::text::excerpt;
use crate::error::{Error, ErrorKind};

/// The envelope's code for a task that failed. It is an answer about the task, with or without a record.
pub(crate) const TASK_FAILED: i64 = 501;

/// The gateway's own words, or those of another server.
pub(crate) enum Voice<'a> {
    /// The envelope's message; `None` for an empty body.
    Gateway(Option<Cow<'a, str>>),
    /// A body that is neither empty nor an envelope. `None`: it did not come whole.
    Other(Option<&'a [u8]>),
}

/// The error for an answer without a record. The body's `code` decides; without one, the HTTP status does. `secret` is removed
/// from the texts of other servers.
pub(crate) fn classify(status: u16, code: Option<i64>, voice: Voice<'_>, headers: &HeaderMap, secret: &str) -> Error {
    use ErrorKind as K;
    let (message, page) = match voice {
        Voice::Gateway(message) if code.is_none() && headers.contains_key("cf-mitigated") => {
            (message.unwrap_or_default(), Some(describe(None, headers, secret)))
        }
        Voice::Gateway(message) => (message.unwrap_or_default(), None),
        Voice::Other(body) => (Cow::default(), Some(describe(body, headers, secret))),
    };
    let kind = match code.unwrap_or_else(|| status.into()) {
        // Of the connection, in HTTP's own words only.
        407 | 421 if code.is_none() => K::Transport,
        408 | 425 => K::Transport,
        429 | 430 => K::RateLimited,
        455 | 503 => K::Maintenance,
        400..500 if page.is_some() => K::Intermediary,
        401 | 403 => K::Unauthorized,
        402 => K::OutOfCredit,
        404 => K::NotFound,
        422 if says_no_record(&message) => K::NotFound,
        400..500 => K::InvalidRequest,
        500..600 => K::Server,
        // An HTTP status outside 4xx and 5xx is a redirect that was not followed, or the like. The gateway sends none.
        _ if code.is_none() => K::Server,
        _ => K::Decode,
    };
    let detail = match (kind, status) {
        (K::Decode, _) => format!("its code is unknown, its message is {:?}", excerpt(&message)),
        (K::Server, 301 | 302 | 303 | 307 | 308) if code.is_none() => {
            "a redirect that is not followed: it names no address, or leads to another host, where the API key is not sent, or there were too many"
                .to_owned()
        }
        (K::Transport, 407) => join("the proxy asks for a user name and a password", page, &message),
        (K::Transport, 408) => join("the server did not get the whole request in time", page, &message),
        (K::Transport, 421) => join("this connection leads to a server that is not responsible", page, &message),
        _ => page.unwrap_or_else(|| excerpt(&message).to_owned()),
    };
    let error = Error::new(kind, detail);
    if kind == K::Transport && status == 407 { error.permanent_at_first() } else { error }
}

fn join(what: &str, page: Option<String>, message: &str) -> String {
    match page.unwrap_or_else(|| excerpt(message).to_owned()) {
        more if more.is_empty() => what.to_owned(),
        more => format!("{what}: {more}"),
    }
}

/// "recordInfo is null", "the record does not exist": the task does not exist, or not yet.
fn says_no_record(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let names_it = ["record", "task"].iter().any(|word| message.contains(word));
    let is_absent = ["is null", "not exist", "not found", "no such", "n't exist", "no record"];
    names_it && is_absent.iter().any(|words| message.contains(words))
}
