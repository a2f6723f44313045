//! One engine for all handles of a simulated gateway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "callback")]
use tokio::sync::Notify;

use super::engine::Engine;

/// A handle of an engine. Clones are handles of the same engine.
#[derive(Clone)]
pub(super) struct SharedEngine {
    engine: Arc<Mutex<Engine>>,
    /// Notified when another callback may be due next, or at another time.
    #[cfg(feature = "callback")]
    pub(super) callbacks_changed: Arc<Notify>,
}

impl SharedEngine {
    /// Makes a new engine.
    pub(super) fn new() -> Self {
        Self {
            engine: Arc::new(Mutex::new(Engine::new())),
            #[cfg(feature = "callback")]
            callbacks_changed: Arc::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change that may concern the callbacks, and notifies those that wait for one.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> T {
        let result = change(&mut self.lock());
        // Not under the lock: a waker may do anything.
        #[cfg(feature = "callback")]
        self.callbacks_changed.notify_waiters();
        result
    }
}
