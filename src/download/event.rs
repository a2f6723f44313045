//! One item of a download, and a file that was kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::millis;

/// One item of a [`Download`](crate::Download): what happens to one file of the task.
///
/// Each file ends with exactly one [`Kept`](Self::Kept) or [`Failed`](Self::Failed). Before that come any number of the others.
///
/// Serialized, it is an object with the variant's name under `event`, and an [`Error`] under `error`:
///
/// ```json
/// {"event":"started","url":"https://…/v.mp4","size":1048576,"resumed_from":0}
/// {"event":"progress","url":"https://…/v.mp4","bytes":65536,"size":1048576}
/// {"event":"retrying","url":"https://…/v.mp4","error":{…},"next_in_ms":812}
/// {"event":"kept","url":"https://…/v.mp4","path":"videos/v.mp4","bytes":1048576,"sha256":"9f86…"}
/// {"event":"failed","url":"https://…/v.mp4","error":{…}}
/// ```
///
/// The URLs are those of the record, query included. Whoever has such a URL can fetch the file: keep them out of logs.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DownloadEvent {
    /// An attempt has begun: the file host sends the file, or the rest of it.
    #[non_exhaustive]
    Started {
        /// The URL in the task's record.
        url: String,
        /// The size of the whole file in bytes, if the file host says it.
        size: Option<u64>,
        /// How many bytes are on disk from earlier attempts. 0: the file is fetched from its beginning.
        resumed_from: u64,
    },
    /// More of the file is on disk. At most ten of these come per second.
    #[non_exhaustive]
    Progress {
        /// The URL in the task's record.
        url: String,
        /// How many bytes are on disk.
        bytes: u64,
        /// The size of the whole file in bytes, if the file host says it.
        size: Option<u64>,
    },
    /// The attempt failed, and another one follows.
    #[non_exhaustive]
    Retrying {
        /// The URL in the task's record.
        url: String,
        /// Why it failed.
        error: Error,
        /// The pause before the next attempt.
        #[serde(rename = "next_in_ms", serialize_with = "millis::serialize")]
        next_in: Duration,
    },
    /// The file is whole, and has its name. The last item of this file.
    #[non_exhaustive]
    Kept {
        /// The URL in the task's record.
        url: String,
        /// Where it is.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The SHA-256 of its bytes, in hexadecimal digits.
        sha256: String,
    },
    /// The file is given up. The last item of this file.
    #[non_exhaustive]
    Failed {
        /// The URL in the task's record. `None`: the record lists no result.
        url: Option<String>,
        /// Why.
        error: Error,
    },
}

impl DownloadEvent {
    /// The URL of the file, as the task's record lists it. `None` if the record lists none.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Started { url, .. }
            | Self::Progress { url, .. }
            | Self::Retrying { url, .. }
            | Self::Kept { url, .. } => Some(url),
            Self::Failed { url, .. } => url.as_deref(),
        }
    }

    /// Whether it is the last event of its file.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Kept { .. } | Self::Failed { .. })
    }
}

/// A file that was downloaded and kept.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct KeptFile {
    /// The URL in the task's record.
    pub url: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}
