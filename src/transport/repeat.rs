//! Whether a request is sent again at once, and over which connection.

use std::error::Error as StdError;
use std::io;

use super::failure::causes;
use super::repeat_credit::RepeatCredit;

/// Repeats of one request that the gateway said it did not process, or that its connection took along.
const MAX_REFUSED: u32 = 3;
const MAX_ENDED: u32 = 2;

/// The repeats of one request.
#[derive(Default)]
pub(super) struct Repeats {
    refused: u32,
    ended: u32,
}

/// How to send the request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Over any connection.
    Again,
    /// Over a connection that was not open yet.
    Afresh,
}

/// Why a connection that was or would have been used gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unanswered {
    /// The gateway says that it did not process the request: HTTP/2 refused the stream, or a GOAWAY without an error leaves it out.
    Refused,
    /// The connection ended. The gateway may have seen the request, though it seldom has. It is a GET, which changes nothing.
    Ended,
}

impl Repeats {
    /// `None`: the error stands.
    pub(super) fn next(&mut self, error: &reqwest::Error, credit: &RepeatCredit) -> Option<Repeat> {
        self.after(unanswered(error)?, credit)
    }

    fn after(&mut self, unanswered: Unanswered, credit: &RepeatCredit) -> Option<Repeat> {
        match unanswered {
            // It costs the gateway nothing, so it takes no credit: as many as are in flight may be left out at once.
            Unanswered::Refused if self.refused < MAX_REFUSED => {
                self.refused = self.refused.saturating_add(1);
                Some(Repeat::Again)
            }
            Unanswered::Ended if self.ended < MAX_ENDED && credit.take() => {
                self.ended = self.ended.saturating_add(1);
                // Two in a row: the other kept connections may all be broken, and nobody has noticed.
                Some(if self.ended == MAX_ENDED { Repeat::Afresh } else { Repeat::Again })
            }
            Unanswered::Refused | Unanswered::Ended => None,
        }
    }
}

/// `None`: another error.
fn unanswered(error: &reqwest::Error) -> Option<Unanswered> {
    if error.is_timeout() {
        return None;
    }
    let unanswered = causes(error).find_map(|cause| Some((meaning(cause)?, cause)));
    // An error of connecting says nothing of kept connections, unless one was chosen that had just ended.
    let (unanswered, cause) = unanswered?;
    (!error.is_connect() || cause.to_string() == CLOSED_CHECKOUT).then_some(unanswered)
}

const CLOSED_CHECKOUT: &str = "checked out connection was closed";

fn meaning(cause: &(dyn StdError + 'static)) -> Option<Unanswered> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    // The texts of h2, for what the other side said.
    const REFUSED: [&str; 2] =
        ["stream error received: refused stream", "connection error received: not a result of an error"];
    // The texts of hyper and its pool: no answer; not sent at all (four); its runtime is gone.
    const ENDED: [&str; 6] = [
        "connection closed before message completed",
        "operation was canceled",
        "channel closed",
        CLOSED_CHECKOUT,
        "ALPN upgraded to HTTP/2",
        "dispatch task is gone",
    ];
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        let ended = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
        return ended.then_some(Unanswered::Ended);
    }
    let text = cause.to_string();
    if REFUSED.iter().any(|part| text.starts_with(part)) {
        return Some(Unanswered::Refused);
    }
    ENDED.iter().any(|part| text.starts_with(part)).then_some(Unanswered::Ended)
}
