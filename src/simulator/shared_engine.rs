//! One engine for all handles of a simulated gateway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Engine;

/// A handle of an engine. Clones are handles of the same engine.
#[derive(Clone)]
pub(super) struct SharedEngine(Arc<Mutex<Engine>>);

impl SharedEngine {
    /// Makes a new engine.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Engine::new())))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Engine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
