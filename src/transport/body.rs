//! The body of a response, read to its end: bounded for each response, and for all together.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use reqwest::Response;

use super::failure::{MAX_BODY, cut_short, failure, too_long};
use crate::error::{Error, ErrorKind};

/// In bytes. What a body takes beyond it is counted in the sum; a record takes less.
const UNCOUNTED: usize = 64 * 1024;
/// In bytes: what the bodies that a client reads at the same time take together, beyond [`UNCOUNTED`] each.
const MAX_SUM: usize = 32 * 1024 * 1024;

/// The sum of what the bodies take that are being read.
#[derive(Debug, Default)]
pub(super) struct BodySum(AtomicUsize);

/// What one body adds to the sum. Dropped, it gives that back.
struct Share<'a> {
    sum: &'a AtomicUsize,
    bytes: usize,
}

impl Share<'_> {
    /// A body takes this number of bytes in all. Returns whether the sum allows that.
    fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(UNCOUNTED).saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        self.bytes = self.bytes.saturating_add(more);
        self.sum.fetch_add(more, Ordering::Relaxed).saturating_add(more) <= MAX_SUM
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.sum.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// Reads the body of a response.
pub(super) async fn body(response: &mut Response, sum: &BodySum) -> Result<Bytes, Error> {
    let length = response.content_length();
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_long());
    }
    // Mostly a record comes in one piece, which is used without a copy.
    let Some(first) = chunk(response).await? else { return Ok(Bytes::new()) };
    if length == Some(first.len() as u64) {
        return Ok(first);
    }
    let Some(second) = chunk(response).await? else { return Ok(first) };
    // On the heap, so that a poll takes no room for it.
    Box::pin(in_pieces(response, [first, second], length, &sum.0)).await
}

/// Reads a body of which two pieces have come to its end.
async fn in_pieces(
    response: &mut Response,
    pieces: [Bytes; 2],
    length: Option<u64>,
    sum: &AtomicUsize,
) -> Result<Bytes, Error> {
    let (mut whole, mut share) = (Vec::new(), Share { sum, bytes: 0 });
    for piece in pieces {
        append(&mut whole, &piece, length, &mut share)?;
    }
    while let Some(piece) = chunk(response).await? {
        append(&mut whole, &piece, length, &mut share)?;
    }
    Ok(whole.into())
}

/// Appends a piece, in memory that is counted before it is taken.
fn append(whole: &mut Vec<u8>, piece: &[u8], length: Option<u64>, share: &mut Share<'_>) -> Result<(), Error> {
    let needed = whole.len().saturating_add(piece.len());
    if needed > MAX_BODY {
        return Err(too_long());
    }
    if needed > whole.capacity() {
        // Twice as much each time, and no more than the body is announced to have.
        let announced = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(MAX_BODY);
        let capacity = needed.max(whole.capacity().saturating_mul(2).min(announced));
        if !share.grow(capacity) {
            return Err(too_many());
        }
        whole.reserve_exact(capacity.saturating_sub(whole.len()));
    }
    whole.extend_from_slice(piece);
    Ok(())
}

async fn chunk(response: &mut Response) -> Result<Option<Bytes>, Error> {
    response.chunk().await.map_err(|error| {
        if error.is_timeout() {
            return failure(error, true);
        }
        cut_short().caused_by(error.without_url())
    })
}

fn too_many() -> Error {
    Error::new(ErrorKind::Decode, "it is long, and with the other answers that are being read it is over 32 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_given_back_when_dropped() {
        let sum = BodySum::default();
        let mut share = Share { sum: &sum.0, bytes: 0 };
        assert!(share.grow(UNCOUNTED));
        assert_eq!(sum.0.load(Ordering::Relaxed), 0);
        assert!(share.grow(UNCOUNTED + 10) && share.grow(UNCOUNTED + 4));
        assert_eq!(sum.0.load(Ordering::Relaxed), 10);
        assert!(share.grow(UNCOUNTED + MAX_SUM));
        let mut other = Share { sum: &sum.0, bytes: 0 };
        assert!(!other.grow(UNCOUNTED + 1));
        drop(other);
        assert_eq!(sum.0.load(Ordering::Relaxed), MAX_SUM);
        drop(share);
        assert_eq!(sum.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn announced_length_is_taken_once() {
        let sum = BodySum::default();
        let (mut whole, mut share) = (Vec::new(), Share { sum: &sum.0, bytes: 0 });
        let piece = vec![b'x'; 100_000];
        for _ in 0..9 {
            append(&mut whole, &piece, Some(900_000), &mut share).unwrap();
        }
        assert_eq!((whole.len(), whole.capacity()), (900_000, 900_000));
        assert_eq!(sum.0.load(Ordering::Relaxed), 900_000 - UNCOUNTED);
    }
}
