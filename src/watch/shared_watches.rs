//! The running shared watches of a client, by the id of their task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared_state::Inner;
use super::single::Watch;
use crate::task::TaskId;

#[derive(Default)]
pub(crate) struct SharedWatches(Mutex<HashMap<TaskId, Weak<Inner>>>);

impl SharedWatches {
    /// The running watch of this task, or else a new one.
    pub(super) fn join(self: &Arc<Self>, task_id: &TaskId, new: impl FnOnce() -> Watch) -> Arc<Inner> {
        let mut watches = self.locked();
        let running = watches.get(task_id).and_then(Weak::upgrade);
        if let Some(running) = running.as_ref().filter(|running| !running.gave_up()) {
            return Arc::clone(running);
        }
        let inner = Inner::new(new(), Arc::downgrade(self));
        watches.insert(task_id.clone(), Arc::downgrade(&inner));
        drop(watches);
        drop(running); // outside the lock: it may be the last, and is forgotten then
        inner
    }

    /// The watch of this task was dropped.
    pub(super) fn forget(&self, task_id: &TaskId) {
        let mut watches = self.locked();
        // Another one may run by now.
        if watches.get(task_id).is_some_and(|watch| watch.strong_count() == 0) {
            watches.remove(task_id);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<TaskId, Weak<Inner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
