//! What the end of a watch says about how long tasks take.

use std::time::Duration;

use super::last_record::LastObservation;
use super::response::ResponseContext;
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::history::{Observation, is_late};

/// A `Date` header, and so the age of the record, is up to a second old; one more for the way.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// `last`: the last good answer before the end. `max_pause`: the longest pause of the schedule.
pub(super) fn observe(
    end: &StatusEvent,
    context: ResponseContext,
    last: Option<LastObservation>,
    max_pause: Duration,
) -> Option<Observation> {
    let ResponseContext { elapsed, age, .. } = context;
    let age = age?;
    match end {
        StatusEvent::Done(finished) => {
            let Some(time) = finished.task.generation_time() else {
                // The record does not say when it ended: between the last good answer and now, if that is not long.
                let last = last?;
                let now = last.age_at(elapsed);
                let is_near = now.saturating_sub(last.age) <= max_pause;
                return is_near.then(|| Observation::Completed(last.age.saturating_add(now).div_f64(2.0)));
            };
            let is_possible = time <= age.saturating_add(CLOCK_TOLERANCE);
            // A task that had ended before the watch began is old news, and may be watched again and again.
            let is_news = time.saturating_add(elapsed).saturating_add(CLOCK_TOLERANCE) >= age;
            (is_possible && is_news).then_some(Observation::Completed(time))
        }
        // Only from a watch that began near the task's creation: watches that begin late see the long tasks only.
        StatusEvent::GaveUp(error) if error.kind() == ErrorKind::Deadline => {
            (!is_late(age.saturating_sub(elapsed))).then_some(Observation::Censored(age))
        }
        _ => None,
    }
}
