//! A timeout that is fair to a consumer that was away.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::clock::ATTENTION;

/// What a future has left after an absence.
const EXTENSION: Duration = Duration::from_secs(1);

/// `None`: too late. A future that is polled again only after its timeout gets a little more time, once: what came in time is
/// still read.
///
/// The future is borrowed, because an argument would take its room twice.
pub(crate) async fn timeout_with_grace<F: Future>(timeout: Duration, mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut timer = pin!(sleep(timeout));
    let mut extended = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if extended || now.saturating_duration_since(timer.deadline()) < ATTENTION {
                return Poll::Ready(None);
            }
            extended = true;
            timer.as_mut().reset(now.checked_add(EXTENSION.min(timeout)).unwrap_or(now));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(300);

    /// A response in two pieces, 30 ms each.
    async fn in_pieces() {
        sleep(Duration::from_millis(30)).await;
        sleep(Duration::from_millis(30)).await;
    }

    async fn after_absence(future: impl Future<Output = ()>) -> (Option<()>, Duration) {
        let started = Instant::now();
        let future = pin!(future);
        let mut waiting = pin!(timeout_with_grace(TIMEOUT, future));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        advance(Duration::from_millis(500)).await;
        (waiting.await, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_consumer_gets_what_came_in_time() {
        assert_eq!(after_absence(in_pieces()).await, (Some(()), Duration::from_millis(530)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_extends_a_dead_request_once() {
        assert_eq!(after_absence(std::future::pending()).await, (None, Duration::from_millis(500) + TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_at_its_timeout() {
        let started = Instant::now();
        assert_eq!(timeout_with_grace(TIMEOUT, pin!(std::future::pending::<()>())).await, None);
        assert_eq!(started.elapsed(), TIMEOUT);
    }
}
