//! The running shared watches of a client, by the id of their task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared_state::Inner;
use super::single::Watch;
use crate::task::TaskId;

#[derive(Default)]
pub(crate) struct SharedWatches(Mutex<HashMap<TaskId, Weak<Inner>>>);

impl SharedWatches {
    /// The running watch of this task, or else a new one, with one more reader.
    pub(super) fn join(self: &Arc<Self>, task_id: &TaskId, new: impl FnOnce() -> Watch) -> Arc<Inner> {
        if let Some(running) = self.running(task_id).filter(|running| running.try_add_reader()) {
            return running;
        }
        let (watches, id) = (Arc::downgrade(self), task_id.clone());
        let on_close = move || {
            if let Some(watches) = watches.upgrade() {
                watches.forget(&id);
            }
        };
        // Without the lock: it runs code of the user's backoff policy.
        let inner = Inner::new(new(), on_close);
        inner.add_reader();
        let mut watches = self.locked();
        let running = watches.get(task_id).and_then(Weak::upgrade);
        let is_late = running.as_ref().is_some_and(|running| running.try_add_reader());
        if !is_late {
            watches.insert(task_id.clone(), Arc::downgrade(&inner));
        }
        drop(watches);
        match running {
            Some(running) if is_late => {
                inner.remove_reader();
                running // another thread was faster
            }
            _ => inner,
        }
    }

    fn running(&self, task_id: &TaskId) -> Option<Arc<Inner>> {
        self.locked().get(task_id)?.upgrade()
    }

    /// The last reader of a watch of this task has left.
    fn forget(&self, task_id: &TaskId) {
        let mut watches = self.locked();
        let running = watches.get(task_id).and_then(Weak::upgrade);
        // Another one may run by now.
        if running.as_ref().is_none_or(|running| running.state().is_closed) {
            watches.remove(task_id);
        }
        drop(watches);
        drop(running); // outside the lock
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<TaskId, Weak<Inner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
