//! The traits that the public types promise, checked at compile time.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::{Future, IntoFuture};

use futures::future::FusedFuture;
use futures::stream::FusedStream;
use luma_watch::{
    Checkpoint, Client, ClientBuilder, ClientLimits, Cooldown, Drive, Error, ErrorKind, Finished, HeldBack, History,
    NextStep, Params, PollFailure, Progress, RateLimit, Schedule, SharedWait, SharedWatch, Status, StatusEvent, Step,
    Task, TaskId, TaskSummary, Wait, Watch, WatchAll, WatchAllHandle,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use static_assertions::{assert_eq_size, assert_impl_all};

macro_rules! shared_by_threads {
    ($($type:ty),+ $(,)?) => { $(assert_impl_all!($type: Send, Sync, Debug); owned::<$type>();)+ };
}

/// Holds nothing borrowed.
const fn owned<T: 'static>() {}

const fn sendable<F: Future + Send + 'static>(_: &F) {}

const _: () = {
    shared_by_threads!(
        Client,
        ClientBuilder,
        History,
        RateLimit,
        Schedule,
        SharedWait,
        SharedWatch,
        StatusEvent,
        Progress,
        PollFailure,
        Finished
    );
    shared_by_threads!(
        Checkpoint,
        Step,
        NextStep,
        Drive,
        WatchAllHandle,
        TaskSummary,
        HeldBack,
        Cooldown,
        ClientLimits
    );
    shared_by_threads!(Task, TaskId, Status, Params, Error, ErrorKind);
    #[cfg(feature = "simulator")]
    {
        use luma_watch::simulator::{Fault, Request, Server, SimulatedTask, Simulator};
        shared_by_threads!(Simulator, SimulatedTask, Fault, Request, Server);
        assert_impl_all!(Simulator: Clone, Unpin);
    }
    #[cfg(feature = "callback")]
    {
        use luma_watch::{Callback, CallbackVerifier};
        shared_by_threads!(Callback, CallbackVerifier);
        assert_impl_all!(Callback: Clone, Eq);
        assert_impl_all!(CallbackVerifier: Clone);
        #[cfg(feature = "simulator")]
        shared_by_threads!(luma_watch::simulator::Delivery, luma_watch::simulator::CallbackRequest);
    }
    owned::<Watch>();
    owned::<Wait>();
    owned::<WatchAll>();
};

assert_impl_all!(Watch: FusedStream<Item = StatusEvent>, IntoFuture<Output = Result<Task, Error>>, Send, Unpin, Debug);
assert_impl_all!(Wait: FusedFuture<Output = Result<Task, Error>>, Send, Unpin, Debug);
assert_impl_all!(WatchAll: FusedStream<Item = (TaskId, StatusEvent)>, Extend<String>, Extend<TaskId>, Send, Unpin, Debug);
assert_impl_all!(SharedWatch: FusedStream<Item = StatusEvent>, IntoFuture<Output = Result<Task, Error>>, Clone, Unpin);
assert_impl_all!(SharedWait: FusedFuture<Output = Result<Task, Error>>, Unpin);
assert_impl_all!(StatusEvent: Clone, Eq, Serialize, DeserializeOwned);
assert_impl_all!(Error: Clone, Eq, Serialize, DeserializeOwned);
assert_impl_all!(Checkpoint: Clone, Eq, Serialize, DeserializeOwned);
assert_impl_all!(Drive: Future<Output = ()>, Unpin);
assert_impl_all!(WatchAllHandle: Clone, Unpin);
assert_impl_all!(RateLimit: Copy, Eq, std::hash::Hash);
assert_impl_all!(Client: Clone, Unpin);
assert_impl_all!(StatusEvent: Clone, Serialize, Unpin);
assert_impl_all!(Progress: Clone, Serialize);
assert_impl_all!(PollFailure: Clone, Serialize);
assert_impl_all!(Finished: Clone, Serialize);
assert_impl_all!(Task: Clone, PartialEq, Serialize, DeserializeOwned);
assert_impl_all!(TaskId: Clone, Ord, std::hash::Hash, std::fmt::Display, AsRef<str>, From<&'static str>, From<String>);
assert_impl_all!(TaskId: Serialize, DeserializeOwned);
assert_impl_all!(Status: Copy, Eq, std::fmt::Display);
assert_impl_all!(Schedule: Clone, PartialEq, Default);
assert_impl_all!(Error: Clone, StdError, Serialize, Into<Box<dyn StdError + Send + Sync>>);
assert_impl_all!(ErrorKind: Copy, Eq, std::hash::Hash, std::fmt::Display, Serialize, DeserializeOwned);

assert_eq_size!(Error, usize);
assert_eq_size!(Option<Error>, usize);
assert_eq_size!(Task, usize);

#[test]
fn wait_is_send_and_borrows_only_its_client() {
    let client: &'static Client =
        Box::leak(Box::new(Client::builder("test-key").base_url("http://localhost").build().unwrap()));
    sendable(&client.status("x"));
    sendable(&client.wait_until_done("x"));
    let watch = client.watch("x");
    assert_eq!(watch.task_id().as_ref(), "x");
    sendable(&watch.wait_until_done());
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
}
