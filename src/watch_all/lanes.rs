//! All lanes of a `WatchAll`: for final polls, for polls of the schedule, and for early repeats of failed ones.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::lane::Lane;
use super::task_slots::{Key, TaskSlots};
use crate::client_core::ClientCore;
use crate::limiter::{Class, Permit};

pub(super) struct Lanes([Lane; 3]);

impl Lanes {
    pub(super) fn new(core: &Arc<ClientCore>) -> Self {
        Self([Class::Urgent, Class::Normal, Class::Retry].map(|class| Lane::new(Arc::clone(core), class)))
    }

    pub(super) fn push(&mut self, class: Class, key: Key, slots: &TaskSlots) {
        if let Some(lane) = self.0.iter_mut().find(|lane| lane.class() == class) {
            lane.push(key, slots);
        }
    }

    /// Whether no task waits for a permit.
    pub(super) fn is_empty(&mut self, slots: &TaskSlots) -> bool {
        self.0.iter_mut().all(|lane| lane.is_empty(slots))
    }

    /// A permit, and the task that gets it.
    pub(super) fn poll_permit(&mut self, cx: &mut Context<'_>, slots: &TaskSlots) -> Option<(Permit, Key)> {
        self.0.iter_mut().find_map(|lane| match lane.poll_permit(cx, slots) {
            Poll::Ready(next) => next,
            Poll::Pending => None,
        })
    }

    /// The next task that does not know yet that all watches of the client are held back.
    pub(super) fn next_held_back(&mut self, slots: &TaskSlots) -> Option<Key> {
        self.0.iter_mut().find_map(|lane| lane.next_held_back(slots))
    }

    /// No more permits are taken now: others get them.
    pub(super) fn pause(&mut self) {
        self.0.iter_mut().for_each(Lane::pause);
    }

    /// Leaves the client's queue, until a permit is wanted again.
    pub(super) fn leave(&mut self) {
        self.0.iter_mut().for_each(Lane::leave);
    }
}
