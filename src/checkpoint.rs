//! A watch as data, to go on in another process.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::StatusEvent;
use crate::millis;
use crate::poll_state::SavedState;
use crate::task::TaskId;

/// The version that is written. Versions up to it are read.
const VERSION: u32 = 0;
/// No wait is longer: what says so is mangled.
const MAX_WAIT: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// A watch as data: store it, and [resume](crate::Client::resume) the watch after a restart, on another machine, or
/// [one poll at a time](crate::Client::poll_once).
///
/// Made by [`Watch::checkpoint`](crate::Watch::checkpoint), [`SharedWatch::checkpoint`](crate::SharedWatch::checkpoint) and
/// [`WatchAll::checkpoints`](crate::WatchAll::checkpoints). **One that was taken before the first poll is as good as a later
/// one**, apart from the counters: so store it when a wait begins, delete it when the wait ends, and do nothing in between.
///
/// It holds the task's id, the gateway's host, when the wait began (by the wall clock), how long it may last, and what the watch
/// remembers between polls: about 120 bytes of JSON. It holds no secret, unless it was taken of a watch that has ended: then it
/// holds the last event, with the task's record. In JSON it has a version, and later versions of this crate read it.
///
/// In the guide: [restarts](crate::guide::restarts).
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::time::pause();
/// # let simulator = Simulator::new();
/// # let id = simulator.add(SimulatedTask::new());
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// use luma_watch::Checkpoint;
///
/// let stored = serde_json::to_string(&client.watch(&id).checkpoint())?;
/// // After a restart:
/// let checkpoint: Checkpoint = serde_json::from_str(&stored)?;
/// let task = client.resume(checkpoint).await?;
/// assert_eq!(task.id(), &id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    id: TaskId,
    host: String,
    /// In Unix milliseconds. `None`: when the watch starts.
    start_ms: Option<u64>,
    max_wait_ms: Option<u64>,
    state: SavedState,
    /// The last event, of a watch that has ended.
    end: Option<Box<StatusEvent>>,
}

impl Checkpoint {
    /// `start`: of the wait. `end`: the last event, if there was one.
    pub(crate) fn new(
        id: &TaskId,
        host: &str,
        start: SystemTime,
        max_wait: Option<Duration>,
        state: SavedState,
        end: Option<StatusEvent>,
    ) -> Self {
        Self {
            id: id.clone(),
            host: host.to_owned(),
            start_ms: Some(millis::number(start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())),
            max_wait_ms: max_wait.map(millis::number),
            state,
            end: end.map(Box::new),
        }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.id
    }

    /// When the wait began, by the clock of the machine that it began on. `None` for a [renewed](Self::renewed) one.
    #[must_use]
    pub fn started_at(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.start_ms?))
    }

    /// When the wait is over. `None` if it has no end, and for a [renewed](Self::renewed) one.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.started_at()?.checked_add(self.max_wait()?)
    }

    /// The number of polls that were made.
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.state.polls
    }

    /// How many of them failed, as far as is known.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.state.failures
    }

    /// The last event, if the watch has ended. A watch that is resumed from it yields this event, and sends nothing.
    #[must_use]
    pub fn last_event(&self) -> Option<&StatusEvent> {
        self.end.as_deref()
    }

    /// The same task, as if it had never been watched: the whole wait begins anew when it is resumed.
    ///
    /// For a task whose watch gave up at its deadline. Take a new checkpoint of the resumed watch: this one begins anew each time.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let Self { id, host, max_wait_ms, .. } = self;
        let (start_ms, state, end) = (None, SavedState::default(), None);
        Self { id: id.clone(), host: host.clone(), start_ms, max_wait_ms: *max_wait_ms, state, end }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn max_wait(&self) -> Option<Duration> {
        self.max_wait_ms.map(Duration::from_millis)
    }

    pub(crate) fn state(&self) -> &SavedState {
        &self.state
    }

    /// How long the wait has lasted at `now`.
    ///
    /// A clock that was set back makes it zero, and one that is far ahead makes it no longer than the whole wait: then there is one
    /// more poll.
    pub(crate) fn elapsed(&self, now: SystemTime) -> Duration {
        let elapsed = self.started_at().and_then(|start| now.duration_since(start).ok()).unwrap_or_default();
        elapsed.min(self.max_wait().unwrap_or(MAX_WAIT))
    }
}

/// With names, and without what is as in most checkpoints.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Checkpoint", expecting = "a checkpoint of luma-watch")]
struct Named {
    v: u32,
    id: TaskId,
    host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_wait_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    polls: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<SavedState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Box<StatusEvent>>,
}

/// For binary formats: all fields in this order.
type Compact = (u32, TaskId, String, Option<u64>, Option<u64>, SavedState, Option<Box<StatusEvent>>);

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Serialize for Checkpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, host, start_ms, max_wait_ms, state, end } = self.clone();
        if !serializer.is_human_readable() {
            return (VERSION, id, host, start_ms, max_wait_ms, state, end).serialize(serializer);
        }
        let (polls, state) = (state.polls, Some(state).filter(|state| !state.is_default()));
        Named { v: VERSION, id, host, start_ms, max_wait_ms, polls, state, end }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Checkpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (version, checkpoint) = if deserializer.is_human_readable() {
            let Named { v, id, host, start_ms, max_wait_ms, polls, state, end } = Named::deserialize(deserializer)?;
            let state = state.unwrap_or_else(|| SavedState::of_counts(polls, 0));
            (v, Self { id, host, start_ms, max_wait_ms, state, end })
        } else {
            let (v, id, host, start_ms, max_wait_ms, state, end) = Compact::deserialize(deserializer)?;
            (v, Self { id, host, start_ms, max_wait_ms, state, end })
        };
        checkpoint.checked(version).map_err(serde::de::Error::custom)
    }
}

impl Checkpoint {
    fn checked(self, version: u32) -> Result<Self, &'static str> {
        if version > VERSION {
            return Err("the checkpoint was written by a later version of luma-watch, which this one cannot read");
        }
        if self.max_wait().is_some_and(|max_wait| max_wait > MAX_WAIT) {
            return Err("the checkpoint is mangled: its wait is over ten years");
        }
        if self.start_ms.is_some() && self.started_at().is_none() {
            return Err("the checkpoint is mangled: its start is no time");
        }
        if self.end.as_ref().is_some_and(|end| !end.is_terminal()) {
            return Err("the checkpoint is mangled: it has ended, and its event is not the last one");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn started_after(start: Duration, max_wait: Option<Duration>) -> Checkpoint {
        Checkpoint::new(&TaskId::from("t"), "h", START + start, max_wait, SavedState::default(), None)
    }

    #[test]
    fn wait_is_never_longer_than_whole_nor_shorter_than_nothing() {
        let (start, max_wait) = (Duration::from_secs(1_000), Duration::from_secs(900));
        let of = |now: Duration| started_after(start, Some(max_wait)).elapsed(START + now);
        assert_eq!(of(start), Duration::ZERO);
        assert_eq!(of(start + Duration::from_millis(1)), Duration::from_millis(1));
        assert_eq!(of(start + max_wait), max_wait);
        // The clock was far ahead, or is now.
        assert_eq!(of(Duration::MAX / 4), max_wait);
        // It was set back.
        assert_eq!(of(Duration::ZERO), Duration::ZERO);
        let endless = started_after(start, None);
        assert_eq!(endless.elapsed(START + start + max_wait), max_wait);
        assert_eq!(endless.elapsed(START + Duration::from_secs(1 << 40)), MAX_WAIT);
        assert_eq!((endless.deadline(), endless.renewed().elapsed(START + start)), (None, Duration::ZERO));
    }
}
