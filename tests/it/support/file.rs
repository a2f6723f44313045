//! A file as a well-behaved server gives it: whole, or from a byte on.

use super::file_reply::Reply;
use super::file_server::FileRequest;

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl File {
    /// A file that begins like an MP4, and goes on at random. The same seed gives the same bytes.
    pub(crate) fn new(length: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
        bytes.resize_with(length, || random.u8(..));
        Self { bytes, etag: Some(format!("\"{seed}\"")), last_modified: None }
    }

    /// `None`: the server gives no `ETag`.
    pub(crate) fn etag(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    pub(crate) fn last_modified(mut self, date: &str) -> Self {
        self.last_modified = Some(date.to_owned());
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What RFC 9110 asks of a server that has the file.
    pub(crate) fn reply(&self, request: &FileRequest) -> Reply {
        let validators = [self.etag.as_deref(), self.last_modified.as_deref()];
        let matches = request.header("if-range").is_none_or(|validator| validators.contains(&Some(validator)));
        match request.range().filter(|_| matches) {
            None => self.whole(),
            Some(start) if start < self.len() => self.from(start),
            Some(_) => Reply::new(416).header("content-range", format!("bytes */{}", self.len())),
        }
    }

    /// 200, with all bytes.
    pub(crate) fn whole(&self) -> Reply {
        self.with_headers(Reply::new(200)).body(&*self.bytes)
    }

    /// 206, from this byte on.
    pub(crate) fn from(&self, start: usize) -> Reply {
        let range = format!("bytes {start}-{}/{}", self.len() - 1, self.len());
        self.with_headers(Reply::new(206)).header("content-range", range).body(&self.bytes[start..])
    }

    fn with_headers(&self, mut reply: Reply) -> Reply {
        reply = reply.header("content-type", "video/mp4").header("accept-ranges", "bytes");
        if let Some(etag) = &self.etag {
            reply = reply.header("etag", etag);
        }
        match &self.last_modified {
            Some(date) => reply.header("last-modified", date).header("date", "Fri, 27 Nov 2026 11:00:00 GMT"),
            None => reply,
        }
    }
}
