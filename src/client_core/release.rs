//! How the request of a failed poll counts for the limits, and who hears of it.

use crate::error::{Error, ErrorKind};
use crate::limiter::{Permit, Release};
use crate::observe::Observers;
use crate::poll_state::WatchConfig;
use crate::task::TaskId;

pub(super) fn release(config: &WatchConfig, id: &TaskId, error: &Error) -> Release {
    match error.kind() {
        // For want of a key, nothing was sent.
        ErrorKind::Config => return Release::Abandoned,
        kind if !kind.is_throttling() => return Release::Failed,
        _ => {}
    }
    let asked = error.retry_after().map(|wait| wait.min(config.retry_after_cap));
    let cooldown = asked.filter(|wait| !wait.is_zero()).unwrap_or_else(|| config.schedule.cooldown());
    let error = error.clone().of_task(id, None).obeyed_up_to(config.retry_after_cap);
    Release::refused(error, cooldown)
}

/// The request is over. The observers hear if all requests are held back because of it.
pub(super) fn settle(permit: Permit, release: &Release, observers: &Observers) {
    if let Some(cooldown) = permit.settle(release) {
        observers.call(|observer| observer.held_back(&cooldown));
    }
}
