//! The result files of simulated tasks: what their URLs lead to, whole or from a byte on.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};

use super::engine::{CreatedTask, Engine, Exchange, HttpResponse};
use super::task::SimulatedFile;
use crate::task::TaskId;

/// The path of the sample result URLs at a [`Server`](super::Server).
pub(super) const FILES_PATH: &str = "/files";

/// How an MP4 file begins: a box of the type `ftyp`.
const MP4_START: &[u8] = b"\0\0\0\x14ftypisom\0\0\x02\0isom";
const EXPIRED: &str =
    "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
const NO_SUCH_FILE: &str = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>";

impl Engine {
    /// Handles a request for a file, now.
    pub(super) fn file_exchange(&mut self, url: &str, headers: &HeaderMap) -> Exchange {
        let at = self.now();
        let Some((id, file)) = self.file(url, at) else {
            return Exchange::Whole(self.response(404, "application/xml", NO_SUCH_FILE.into(), at));
        };
        match self.fault(&id, true) {
            Some(fault) => self.faulty_exchange(fault, at, || self.file_response(&id, file, headers, at)),
            None => Exchange::Whole(self.file_response(&id, file, headers, at)),
        }
    }

    /// The task to which a result URL belongs, and what the URL leads to.
    fn file(&self, url: &str, at: Duration) -> Option<(TaskId, SimulatedFile)> {
        // A sample URL names its task.
        let named = url.rsplit('/').next().and_then(|name| self.tasks.get_key_value(name.strip_suffix(".mp4")?));
        named.into_iter().chain(&self.tasks).find_map(|(id, CreatedTask { created, task })| {
            let file = task.file(at.saturating_sub(*created))?;
            let is_its = task.urls(id, &self.files_folder).iter().any(|known| known == url);
            is_its.then(|| (id.clone(), file))
        })
    }

    fn file_response(&self, id: &TaskId, file: SimulatedFile, asked: &HeaderMap, at: Duration) -> HttpResponse {
        let SimulatedFile::OfSize(size) = file else {
            return self.response(403, "application/xml", EXPIRED.into(), at);
        };
        let tag = HeaderValue::try_from(format!("\"{id}\"")).unwrap_or(HeaderValue::from_static("\"file\""));
        let is_same = asked.get(IF_RANGE).is_none_or(|expected| *expected == tag);
        let from = asked.get(RANGE).filter(|_| is_same).and_then(first_byte);
        let bytes = content(size);
        let mut response = match from {
            None => self.response(200, "video/mp4", bytes, at),
            Some(from) if from < size => {
                let mut response = self.response(206, "video/mp4", bytes.slice(from..), at);
                let range = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
                if let Ok(range) = HeaderValue::try_from(range) {
                    response.headers.insert(CONTENT_RANGE, range);
                }
                response
            }
            Some(_) => self.response(416, "text/plain", Bytes::new(), at),
        };
        response.headers.insert(ETAG, tag);
        response.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        response
    }
}

/// Of `bytes=N-`. Other ranges are not known.
fn first_byte(range: &HeaderValue) -> Option<usize> {
    range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn content(size: usize) -> Bytes {
    MP4_START.iter().copied().chain((0..=250).cycle()).take(size).collect()
}
