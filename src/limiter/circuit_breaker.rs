//! The gate: one refusal (429, maintenance) closes it for everybody. When its time is over one request goes out as a
//! probe, and the rest follow one after the other.

use std::time::Duration;

use tokio::time::Instant;

use super::pacer::Pacer;

/// The rest follow within this time, or within the gate's own if that is shorter.
const LONGEST_SPREAD: Duration = Duration::from_secs(10);
/// And no further apart than this.
const WIDEST_GAP: Duration = Duration::from_millis(100);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) enum CircuitBreaker {
    Open,
    Closed(Closed),
    Reopening(Reopening),
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Closed {
    until: Instant,
    period: Duration,
    /// The request that finds out whether the gateway answers again.
    probe: Option<Probe>,
    /// Whether the last look of a watch was let through before the time.
    looked: bool,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
struct Probe {
    lease: u64,
    /// Until when it is waited for: whoever made it may not be polled any more.
    end: Instant,
    /// How many stand behind it in the queue for the same one who waits.
    behind: usize,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Reopening {
    until: Instant,
    pacer: Pacer,
}

impl CircuitBreaker {
    /// How many may pass now.
    pub(super) fn allows(&mut self, now: Instant) -> usize {
        match self {
            Self::Open => usize::MAX,
            Self::Closed(Closed { probe: Some(Probe { end, .. }), .. }) if *end > now => 0,
            Self::Closed(Closed { until, .. }) => usize::from(*until <= now),
            Self::Reopening(Reopening { until, .. }) if *until <= now => {
                *self = Self::Open;
                usize::MAX
            }
            Self::Reopening(Reopening { pacer, .. }) => pacer.allows(now),
        }
    }

    /// A request passes that was allowed to.
    pub(super) fn pass(&mut self, lease: u64, now: Instant, lasts: Duration, behind: usize) {
        match self {
            Self::Open => {}
            Self::Closed(closed) => {
                let end = now.checked_add(lasts).unwrap_or(now);
                closed.probe = Some(Probe { lease, end, behind });
            }
            Self::Reopening(Reopening { pacer, .. }) => pacer.pass(now),
        }
    }

    /// When someone may pass before whom `priority` others do, and whether that is sure, or depends on the probe.
    pub(super) fn opens(&self, priority: usize, now: Instant) -> (Instant, bool) {
        match self {
            Self::Open => (now, true),
            Self::Closed(Closed { until, probe, .. }) => {
                (probe.as_ref().map_or(*until, |probe| probe.end), priority == 0)
            }
            Self::Reopening(Reopening { until, pacer }) => (pacer.opens(priority).min(*until), true),
        }
    }

    /// Whether a watch whose time is over may look once more: one of all, while the gate is closed.
    pub(super) fn try_acquire_final(&mut self, now: Instant) -> bool {
        let shut = self.allows(now) == 0;
        match self {
            Self::Closed(closed) if shut => !std::mem::replace(&mut closed.looked, true),
            _ => false,
        }
    }

    /// The gateway asks everybody to hold back.
    pub(super) fn close(&mut self, now: Instant, period: Duration) {
        let mut until = now.checked_add(period).unwrap_or(now);
        let mut looked = false;
        if let Self::Closed(closed) = self {
            // Others that were in flight too bring the same news.
            until = until.max(closed.until);
            looked = closed.looked && closed.until > now;
        }
        *self = Self::Closed(Closed { until, period, probe: None, looked });
    }

    /// An answer that asks for no rest. `waiting`: how many will follow if it was the probe's.
    pub(super) fn with_response(&mut self, lease: u64, now: impl FnOnce() -> Instant, waiting: impl FnOnce() -> usize) {
        let Self::Closed(Closed { period, probe, .. }) = self else { return };
        let Some(Probe { behind, .. }) = probe.take_if(|probe| probe.lease == lease) else { return };
        // Twice as fast as they came, so that those who come meanwhile find room too.
        let places = u32::try_from(waiting().max(behind)).unwrap_or(u32::MAX).saturating_mul(2);
        let spread = LONGEST_SPREAD.min(*period);
        let Some(gap) = spread.checked_div(places) else { return *self = Self::Open };
        let (now, gap) = (now(), gap.min(WIDEST_GAP));
        let add_or_now = |acquire_until: Duration| now.checked_add(acquire_until).unwrap_or(now);
        *self = Self::Reopening(Reopening { until: add_or_now(spread), pacer: Pacer::new(gap, add_or_now(gap)) });
    }

    /// A request that was given up: if it was the probe, another may go.
    pub(super) fn lost(&mut self, lease: u64) {
        if let Self::Closed(Closed { probe, .. }) = self {
            probe.take_if(|probe| probe.lease == lease);
        }
    }
}
