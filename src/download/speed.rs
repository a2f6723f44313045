//! Whether bytes come fast enough: a file host that stalls or drips holds no download up for ever.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::of_host;
use crate::error::{Error, ErrorKind};

/// In bytes per second, over a whole window.
const MIN_SPEED: u64 = 1024;
const MIN_WINDOW: Duration = Duration::from_millis(1);

/// The bytes of the present window of time.
pub(super) struct Speed {
    window: Duration,
    since: Instant,
    last: Instant,
    bytes: u64,
}

/// Too few bytes came in a window.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slow {
    bytes: u64,
    window: Duration,
}

impl Speed {
    pub(super) fn new(window: Duration) -> Self {
        let now = Instant::now();
        Self { window: window.max(MIN_WINDOW), since: now, last: now, bytes: 0 }
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.window
    }

    /// Reading goes on. The time since the last bytes came was the program's own: it wrote them, or did something else.
    pub(super) fn resume(&mut self) {
        let now = Instant::now();
        let own = now.saturating_duration_since(self.last);
        self.since = self.since.checked_add(own).unwrap_or(now);
        self.last = now;
    }

    /// What is left of the window.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.since.elapsed()).max(MIN_WINDOW)
    }

    /// Counts bytes. At the end of the window, judges it, and begins the next one.
    pub(super) fn received(&mut self, bytes: usize) -> Result<(), Slow> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let now = Instant::now();
        let since_last = now.saturating_duration_since(self.last);
        self.last = now;
        if now.saturating_duration_since(self.since) < self.window {
            return Ok(());
        }
        let min = MIN_SPEED.saturating_mul(u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)) / 1000;
        let slow = Slow { bytes: self.bytes, window: self.window };
        // Bytes after a silence of a whole window come because the program polls the download again: it was away.
        let was_away = bytes > 0 && since_last >= self.window;
        let is_slow = slow.bytes < min.max(1) && !was_away;
        (self.since, self.bytes) = (now, 0);
        if is_slow { Err(slow) } else { Ok(()) }
    }
}

pub(super) fn too_slow(host: &str, slow: &Slow) -> Error {
    let Slow { bytes, window } = slow;
    of_host(Error::new(ErrorKind::Timeout, format!("{host} sent {bytes} bytes in {window:?}")))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn window_with_too_few_bytes_is_slow() {
        let mut speed = Speed::new(WINDOW);
        for _ in 0..9 {
            advance(Duration::from_secs(1)).await;
            assert_eq!(speed.received(1023), Ok(()));
        }
        assert_eq!(speed.left(), Duration::from_secs(1));
        advance(Duration::from_secs(1)).await;
        assert_eq!(speed.received(1023), Err(Slow { bytes: 10_230, window: WINDOW }));
    }

    #[tokio::test(start_paused = true)]
    async fn window_with_enough_bytes_is_followed_by_another() {
        let mut speed = Speed::new(WINDOW);
        advance(WINDOW / 2).await;
        assert_eq!(speed.received(10_240), Ok(()));
        advance(WINDOW / 2).await;
        assert_eq!(speed.received(0), Ok(()));
        advance(WINDOW).await;
        assert_eq!(speed.received(0), Err(Slow { bytes: 0, window: WINDOW }));
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_reads_does_not_count() {
        let mut speed = Speed::new(WINDOW);
        advance(WINDOW / 2).await;
        assert_eq!(speed.received(1), Ok(()));
        advance(WINDOW * 3).await;
        speed.resume();
        assert_eq!(speed.left(), WINDOW / 2);
        assert_eq!(speed.received(0), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_after_absence_are_not_slow() {
        let mut speed = Speed::new(WINDOW);
        advance(WINDOW * 3).await;
        assert_eq!(speed.received(1), Ok(()));
    }
}
