//! What a file server answers, right or wrong.

use std::fmt::Write;
use std::time::Duration;

/// What comes after the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// The next request.
    Keep,
    /// The connection is closed.
    Close,
    /// Nothing, and the connection stays open.
    Stall,
}

/// An answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The `Content-Length`, if it is not that of the body.
    length: Option<u64>,
    chunked: bool,
    /// How many bytes of the body are sent.
    sends: usize,
    /// The bytes of one piece, and the pause between two.
    piece: usize,
    pub(super) pause: Duration,
    pub(super) end: End,
    /// How many requests must have come before this one is answered.
    pub(super) waits_for: usize,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: None,
            chunked: false,
            sends: 0,
            piece: usize::MAX,
            pause: Duration::ZERO,
            end: End::Keep,
            waits_for: 0,
        }
    }

    /// A redirect to this place.
    pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status).header("location", location)
    }

    /// In place of an earlier header of this name.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.sends = self.body.len();
        self
    }

    /// Says this length, whatever is sent.
    pub(crate) const fn claims(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// In chunks, without a length.
    pub(crate) const fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Closes the connection after this many bytes of the body.
    pub(crate) const fn cut_after(mut self, bytes: usize) -> Self {
        self.sends = bytes;
        self.end = End::Close;
        self
    }

    /// Sends nothing more after this many bytes of the body.
    pub(crate) const fn stall_after(mut self, bytes: usize) -> Self {
        self.sends = bytes;
        self.end = End::Stall;
        self
    }

    /// Sends the body in pieces of this size with pauses.
    pub(crate) const fn drip(mut self, piece: usize, pause: Duration) -> Self {
        self.piece = piece;
        self.pause = pause;
        self
    }

    /// Answers when this many requests have come.
    pub(crate) const fn waits_for(mut self, requests: usize) -> Self {
        self.waits_for = requests;
        self
    }

    /// The bytes to write, head first.
    pub(super) fn pieces(&self) -> Vec<Vec<u8>> {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if self.chunked {
            head.push_str("transfer-encoding: chunked\r\n");
        } else {
            let length = self.length.unwrap_or_else(|| self.body.len().try_into().unwrap());
            write!(head, "content-length: {length}\r\n").unwrap();
        }
        head.push_str("\r\n");
        let sent = &self.body[..self.sends.min(self.body.len())];
        let mut pieces = vec![head.into_bytes()];
        for piece in sent.chunks(self.piece.min(16 * 1024)) {
            pieces.push(if self.chunked { chunk(piece) } else { piece.to_vec() });
        }
        if self.chunked && self.end == End::Keep {
            pieces.push(b"0\r\n\r\n".to_vec());
        }
        pieces
    }
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}
