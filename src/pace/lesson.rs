//! What the end of a watch tells about how long tasks take.

use std::time::Duration;

use super::standing::Seen;
use super::verdict::Moment;
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::history::{Lesson, is_late};

/// A `Date` is up to a second old, and so may be the record.
const SLACK: Duration = Duration::from_secs(2);

/// `seen`: the task as it was at the last good answer before. `longest`: the longest pause of the schedule.
pub(super) fn lesson(end: &StatusEvent, moment: Moment, seen: Option<Seen>, longest: Duration) -> Option<Lesson> {
    let Moment { elapsed, age, .. } = moment;
    let age = age?;
    match end {
        StatusEvent::Done(task) => {
            let Some(time) = task.generation_time() else {
                // The record does not say when: at some time since the last good answer, if that was not long ago.
                let seen = seen?;
                let now = seen.age_at(elapsed);
                let is_near = now.saturating_sub(seen.age) <= longest;
                return is_near.then(|| Lesson::Took(seen.age.saturating_add(now).div_f64(2.0)));
            };
            let is_possible = time <= age.saturating_add(SLACK);
            // A task that had ended before is old news, and may be looked at again and again.
            let is_news = time.saturating_add(elapsed).saturating_add(SLACK) >= age;
            (is_possible && is_news).then_some(Lesson::Took(time))
        }
        // One that was watched from its creation: the others would be the long ones.
        StatusEvent::GaveUp(error) if error.kind() == ErrorKind::Deadline => {
            (!is_late(age.saturating_sub(elapsed))).then_some(Lesson::LongerThan(age))
        }
        _ => None,
    }
}
