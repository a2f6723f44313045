//! What tasks with a schedule of their own share: one copy for each schedule, as far as tasks with equal schedules are pushed one
//! after the other.

use std::sync::Arc;

use crate::client_core::ClientCore;
use crate::poll_state::WatchConfig;
use crate::schedule::Schedule;

#[derive(Default)]
pub(super) struct Cores {
    last: Option<Arc<ClientCore>>,
}

impl Cores {
    /// The same as `own`, with this schedule.
    pub(super) fn with_schedule(&mut self, own: &Arc<ClientCore>, schedule: Schedule) -> Arc<ClientCore> {
        let known = [Some(own), self.last.as_ref()];
        if let Some(core) = known.into_iter().flatten().find(|core| core.config.schedule == schedule) {
            return Arc::clone(core);
        }
        let config = WatchConfig { schedule, ..own.config.clone() };
        Arc::clone(self.last.insert(Arc::new(own.with_config(config))))
    }
}
