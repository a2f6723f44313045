//! The kinds of errors, and how each is spelled.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kind of an [`Error`](crate::Error).
///
/// A table in the [guide](crate::guide::errors#what-each-error-means) says what the watch does after each kind.
///
/// ```
/// use luma_watch::{Client, Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Config => "mend the setting that the error names",
///         ErrorKind::Unauthorized => "check the API key",
///         ErrorKind::OutOfCredit => "add credit to the account",
///         ErrorKind::TaskFailed => "create another task",
///         ErrorKind::MissingResult => "look at the record again later: the task was billed",
///         ErrorKind::Deadline => "watch the same task again: a new task would be billed again",
///         _ if error.is_transient() => "try again later",
///         _ => "read the error",
///     }
/// }
///
/// let error = Client::new("").unwrap_err();
/// assert_eq!(advice(&error), "mend the setting that the error names");
/// assert_eq!(error.to_string(), "bad setting: the API key is empty");
/// ```
///
/// [`as_str`](Self::as_str), `Display`, serde and the `outcome` field of the tracing span all spell a kind the same way:
///
/// ```
/// use luma_watch::ErrorKind;
///
/// let kind = ErrorKind::TaskFailed;
/// assert_eq!(kind.as_str(), "task_failed");
/// assert_eq!(format!("luma_errors{{kind=\"{kind}\"}}"), "luma_errors{kind=\"task_failed\"}");
/// assert_eq!(serde_json::to_string(&kind).unwrap(), "\"task_failed\"");
/// assert_eq!(serde_json::from_str::<ErrorKind>("\"task_failed\"").unwrap(), kind);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A setting of the client or of its schedule is invalid, the [source of the API key](crate::ClientBuilder::api_key_from)
    /// gives none, or the schedule's backoff policy panicked. It is not about an answer: with an invalid setting no client is
    /// made, and a poll without a key sends no request.
    Config,
    /// The gateway does not accept the API key (401, 403).
    Unauthorized,
    /// The account has no credit left (402).
    OutOfCredit,
    /// The gateway has no record of the task (404, or 422 with a message that the record is null or does not exist): the id is
    /// wrong, or the task was created a moment ago.
    NotFound,
    /// The gateway does not accept the request (400, 422 and other 4xx), or the task id cannot be one.
    InvalidRequest,
    /// A server between this program and the gateway answered in the gateway's place: a 4xx whose body is not the gateway's, an
    /// HTML page for example. Firewalls, challenges for browsers and proxies do that.
    Intermediary,
    /// Too many requests (429, 430).
    RateLimited,
    /// The gateway is under maintenance (455, 503).
    Maintenance,
    /// The gateway, or a server in front of it, failed (500, 502, 504, other 5xx, a redirect that was not followed).
    Server,
    /// There is no connection to the gateway, or it ended before an answer came. Also the answers 407 (the proxy wants a password),
    /// 408, 421 and 425, which are about the connection.
    Transport,
    /// No whole answer came within the request timeout.
    Timeout,
    /// An answer or a callback came, but it cannot be read.
    Decode,
    /// The task failed (flags 2 and 3, or code 501). Polling again changes nothing.
    TaskFailed,
    /// The task has succeeded (flag 1 or 4), but its record holds no result URL.
    MissingResult,
    /// The watch stopped waiting. The task may still finish: watch the same id again. See [the guide](crate::guide::deadlines).
    Deadline,
    /// A callback's signature or timestamp does not prove that the gateway sent it, and sent it recently.
    InvalidSignature,
    /// The [`WatchAll`](crate::WatchAll) of a [`WatchAllHandle`](crate::WatchAllHandle) is dropped: nobody watches the task.
    Closed,
    /// The link of a result file is no longer valid: the file host answers 401, 403, 404 or 410, or a storage service says that it
    /// has expired.
    Expired,
    /// What the link of a result file leads to is no media file, or not the whole file: a page, an empty file, a wrong length.
    NotMedia,
    /// A result file is larger than the [limit](crate::guide::downloads#settings).
    TooLarge,
    /// The URL of a result file, or a redirect from it, leads to where no file is fetched from: to a private address, to plain
    /// http, or in circles.
    BlockedUrl,
    /// The file system of this machine refused: there is no space, no permission, or the folder cannot be made.
    Storage,
}

/// What it takes until a watch gives up because of a failed poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndsWatch {
    /// It never does: the failure passes.
    Never,
    /// That nothing came before: the failure is that of the watch's first poll.
    AtFirst,
    /// At once, or after the grace if there was a good answer before.
    Confirmed,
    /// That such answers have come for the whole grace.
    AfterGrace,
}

impl ErrorKind {
    /// Every kind, in the order of the enum.
    const ALL: [Self; 22] = [
        Self::Config,
        Self::Unauthorized,
        Self::OutOfCredit,
        Self::NotFound,
        Self::InvalidRequest,
        Self::Intermediary,
        Self::RateLimited,
        Self::Maintenance,
        Self::Server,
        Self::Transport,
        Self::Timeout,
        Self::Decode,
        Self::TaskFailed,
        Self::MissingResult,
        Self::Deadline,
        Self::InvalidSignature,
        Self::Closed,
        Self::Expired,
        Self::NotMedia,
        Self::TooLarge,
        Self::BlockedUrl,
        Self::Storage,
    ];

    /// The kind in `snake_case`, for logs and metrics.
    ///
    /// ```
    /// assert_eq!(luma_watch::ErrorKind::RateLimited.as_str(), "rate_limited");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Unauthorized => "unauthorized",
            Self::OutOfCredit => "out_of_credit",
            Self::NotFound => "not_found",
            Self::InvalidRequest => "invalid_request",
            Self::Intermediary => "intermediary",
            Self::RateLimited => "rate_limited",
            Self::Maintenance => "maintenance",
            Self::Server => "server",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Decode => "decode",
            Self::TaskFailed => "task_failed",
            Self::MissingResult => "missing_result",
            Self::Deadline => "deadline",
            Self::InvalidSignature => "invalid_signature",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::NotMedia => "not_media",
            Self::TooLarge => "too_large",
            Self::BlockedUrl => "blocked_url",
            Self::Storage => "storage",
        }
    }

    /// Whether the gateway asks for fewer requests, from all watches of the client.
    pub(crate) const fn is_throttling(self) -> bool {
        matches!(self, Self::RateLimited | Self::Maintenance)
    }

    /// Whether polling again makes sense after an error of this kind, unless the error itself says otherwise.
    pub(super) const fn is_transient(self) -> bool {
        !matches!(
            self,
            Self::Config
                | Self::Unauthorized
                | Self::OutOfCredit
                | Self::InvalidRequest
                | Self::TaskFailed
                | Self::MissingResult
                | Self::InvalidSignature
                | Self::Closed
                | Self::Expired
                | Self::NotMedia
                | Self::TooLarge
                | Self::BlockedUrl
                | Self::Storage
        )
    }

    /// What it takes until a watch gives up because of such an answer, unless the error itself says otherwise.
    pub(super) const fn ends_watch(self) -> EndsWatch {
        match self {
            Self::NotFound | Self::Intermediary | Self::MissingResult => EndsWatch::AfterGrace,
            _ if self.is_transient() => EndsWatch::Never,
            _ => EndsWatch::Confirmed,
        }
    }

    /// What happened, as the beginning of the error's sentence.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Config => "bad setting",
            Self::Unauthorized => "the gateway refused the API key",
            Self::OutOfCredit => "the account has no credit left",
            Self::NotFound => "the gateway has no record of the task",
            Self::InvalidRequest => "the request was refused",
            Self::Intermediary => "a server in front of the gateway answered in its place",
            Self::RateLimited => "the gateway asks for fewer requests",
            Self::Maintenance => "the gateway is under maintenance",
            Self::Server => "the gateway failed",
            Self::Transport => "the request did not get through",
            Self::Timeout => "the gateway did not answer in time",
            Self::Decode => "the body cannot be read",
            Self::TaskFailed => "the task failed",
            Self::MissingResult => "the task has ended without a result",
            Self::Deadline => "gave up waiting",
            Self::InvalidSignature => "the callback is refused",
            Self::Closed => "not watched",
            Self::Expired => "the link of the file is gone",
            Self::NotMedia => "the file is refused",
            Self::TooLarge => "the file is too large",
            Self::BlockedUrl => "the link of the file is not followed",
            Self::Storage => "the file cannot be kept on this machine",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KindVisitor)
    }
}

struct KindVisitor;

impl Visitor<'_> for KindVisitor {
    type Value = ErrorKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error kind")?;
        for (index, kind) in ErrorKind::ALL.into_iter().enumerate() {
            write!(f, "{}{kind}", if index == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<ErrorKind, E> {
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        kind.ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn every_kind_has_one_spelling_that_reads_back() {
        for (index, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "ALL is in the order of the enum");
            let name = kind.as_str();
            assert_eq!((kind.to_string().as_str(), to_value(kind).unwrap()), (name, json!(name)));
            assert_eq!(from_value::<ErrorKind>(json!(name)).unwrap(), kind);
            // `RateLimited` is `rate_limited`, and so are all.
            let camel: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            assert_eq!(camel, format!("{kind:?}"));
        }
        let error = from_value::<ErrorKind>(json!("RateLimited")).unwrap_err().to_string();
        assert!(error.contains("expected an error kind: config, unauthorized, out_of_credit, "), "{error}");
        assert!(error.contains(", rate_limited, ") && error.ends_with(", storage"), "{error}");
        assert_eq!(format!("[{:>9}]", ErrorKind::Server), "[   server]");
    }

    #[test]
    fn a_kind_reads_back_from_a_binary_format() {
        for kind in ErrorKind::ALL {
            let stored = postcard::to_stdvec(&kind).unwrap();
            assert_eq!(postcard::from_bytes::<ErrorKind>(&stored).unwrap(), kind);
        }
    }
}
