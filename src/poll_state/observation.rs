//! What the end of a watch tells about how long tasks take.

use std::time::Duration;

use super::decision::ResponseContext;
use super::poll_priority::LastObservation;
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::history::{Observation, is_late};

/// A `Date` is up to a second old, and so may be the record.
const SLACK: Duration = Duration::from_secs(2);

/// `seen`: the task as it was at the last good answer before. `longest`: the longest pause of the schedule.
pub(super) fn observation(
    end: &StatusEvent,
    context: ResponseContext,
    seen: Option<LastObservation>,
    longest: Duration,
) -> Option<Observation> {
    let ResponseContext { elapsed, age, .. } = context;
    let age = age?;
    match end {
        StatusEvent::Done(task) => {
            let Some(time) = task.generation_time() else {
                // The record does not say when: at some time since the last good answer, if that was not long ago.
                let seen = seen?;
                let now = seen.age_at(elapsed);
                let is_near = now.saturating_sub(seen.age) <= longest;
                return is_near.then(|| Observation::Completed(seen.age.saturating_add(now).div_f64(2.0)));
            };
            let is_possible = time <= age.saturating_add(SLACK);
            // A task that had ended before is old news, and may be looked at again and again.
            let is_news = time.saturating_add(elapsed).saturating_add(SLACK) >= age;
            (is_possible && is_news).then_some(Observation::Completed(time))
        }
        // One that was watched from its creation: the others would be the long ones.
        StatusEvent::GaveUp(error) if error.kind() == ErrorKind::Deadline => {
            (!is_late(age.saturating_sub(elapsed))).then_some(Observation::Censored(age))
        }
        _ => None,
    }
}
