//! Without the feature `callback` nothing rings, and a watch carries nothing for it.

#![allow(clippy::unused_self)] // as its twin has it

#[path = "call.rs"]
mod call;

use std::task::Waker;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::task::TaskId;
pub(crate) use call::{Call, Pause};

#[derive(Clone, Debug)]
pub(crate) struct Bells;

impl Bells {
    pub(crate) const fn new() -> Self {
        Self
    }
}

pub(crate) struct Bell;

impl Bell {
    pub(crate) const fn hang(_: &Bells, _: &TaskId) -> Self {
        Self
    }

    pub(crate) fn rest(pause: Pause, _: &Self) -> Sleep {
        sleep_until(pause.until)
    }

    pub(crate) const fn ear(&self) -> Ear {
        Ear
    }

    pub(crate) const fn planned(&self) -> Option<Instant> {
        None
    }
}

pub(crate) struct Ear;

impl Ear {
    pub(crate) const fn heard(&self) {}
}

pub(crate) struct Post;

impl Post {
    pub(crate) const fn new(_: Bells) -> Self {
        Self
    }

    pub(crate) const fn list(&self, _: &TaskId) -> Option<Instant> {
        None
    }

    pub(crate) const fn unlist(&self, _: &TaskId) {}

    pub(crate) const fn collect(&self, _: &Waker) -> [(TaskId, Instant); 0] {
        []
    }

    pub(crate) const fn asked(&self, _: &TaskId) {}

    pub(crate) fn close<'a>(&self, _: impl Iterator<Item = &'a TaskId>) {}
}
