//! One watch, many readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures::future::join_all;
use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ErrorKind, Schedule, StatusEvent};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{gateway, gave_up, ms, progress, secs};

fn minute() -> SimulatedTask {
    SimulatedTask::new().generates_for(secs(60))
}

#[tokio::test(start_paused = true)]
async fn many_readers_share_one_poll() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    let first = client.watch(&id).shared();
    let readers = (0..50).map(|_| first.clone()).chain([first.clone()]);
    let seen = join_all(readers.map(|reader| tokio::spawn(reader.collect::<Vec<_>>()))).await;
    assert_eq!((seen.len(), simulator.requests().len()), (51, 3));
    for events in seen {
        let events = events.unwrap();
        let polls: Vec<_> = events[..2].iter().map(|event| progress(Some(event.clone())).polls).collect();
        assert_eq!((polls, events.len()), (vec![1, 2], 3));
        assert!(matches!(events[2], StatusEvent::Done(_)));
    }
    assert_eq!(first.task_id(), &id);
}

#[tokio::test(start_paused = true)]
async fn shared_watch_sends_nothing_before_first_read() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    let reader = client.watch(id).shared();
    let other = reader.clone();
    sleep(secs(100)).await;
    assert_eq!(simulator.requests().len(), 0);
    drop((reader, other));
    assert_eq!(simulator.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn clone_starts_with_the_latest_event() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    let mut reader = client.watch(id).shared();
    assert_eq!(progress(reader.next().await).polls, 1);
    assert_eq!(progress(reader.next().await).polls, 2);
    let mut late = reader.clone();
    assert_eq!(progress(late.next().now_or_never().flatten()).polls, 2);
    assert!(late.next().now_or_never().is_none());
    assert!(reader.next().await.unwrap().is_terminal());
    let mut last = reader.clone();
    assert!(!last.is_terminated());
    assert!(last.next().now_or_never().flatten().unwrap().is_terminal());
    assert!(last.is_terminated() && last.next().await.is_none());
    assert_eq!(simulator.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_skips_to_latest_and_gets_end() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut slow = client.watch(id).shared();
    let mut fast = slow.clone();
    assert_eq!(progress(slow.next().await).polls, 1);
    for polls in 1..8 {
        assert_eq!(progress(fast.next().await).polls, polls);
    }
    assert_eq!(progress(slow.next().await).polls, 7);
    assert!(fast.by_ref().count().await > 2);
    assert!(slow.next().await.unwrap().is_terminal() && slow.next().await.is_none());
    assert_eq!(simulator.requests().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn absent_or_dropped_reader_delays_no_other() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    simulator.latency(secs(1));
    let start = Instant::now();
    let mut away = client.watch(id).shared();
    // This reader sends the request, and is not polled again.
    assert!(timeout(ms(500), away.next()).await.is_err());
    let mut other = away.clone();
    assert_eq!(progress(other.next().await).polls, 1);
    assert_eq!(start.elapsed(), secs(1));
    let mut driving = other.clone();
    assert_eq!(progress(driving.next().await).polls, 1);
    assert!(timeout(secs(10), driving.next()).await.is_err());
    let waiting = tokio::spawn(other.collect::<Vec<_>>());
    sleep(secs(5)).await;
    drop(driving);
    let events = waiting.await.unwrap();
    assert_eq!((events.len(), simulator.requests().len()), (2, 3));
    assert!(away.next().await.unwrap().is_terminal());
}

#[tokio::test(start_paused = true)]
async fn awaited_clones_all_get_the_outcome() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    let shared = client.watch(&id).shared();
    let waits = (0..3).map(|_| shared.clone().wait_until_done()).collect::<Vec<_>>();
    let (tasks, direct) = tokio::join!(join_all(waits), async { shared.clone().await });
    assert!(tasks.iter().all(|task| task.as_ref().unwrap().id() == &id) && direct.is_ok());
    assert_eq!(simulator.requests().len(), 3);
    // A reader that comes after the end gets it, too.
    assert!(shared.await.is_ok());
    assert_eq!(simulator.requests().len(), 3);

    simulator.inject(Fault::status(401));
    let refused = client.watch(&id).shared();
    let mut other = refused.clone();
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(gave_up(&other.next().await.unwrap()), Some(ErrorKind::Unauthorized));
    assert_eq!(other.wait_until_done().await.unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn last_reader_dropped_stops_the_watch() {
    let (simulator, client, id) = gateway(minute(), Schedule::default());
    let mut reader = client.watch(id).shared();
    let other = reader.clone();
    reader.next().await.unwrap();
    drop(reader);
    let mut other = other;
    assert!(other.next().await.is_some());
    assert!(timeout(secs(10), other.next()).await.is_err());
    drop(other);
    sleep(secs(600)).await;
    assert_eq!(simulator.requests().len(), 1);
}

struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_reader_is_woken_by_each_event() {
    let (_, client, id) = gateway(minute(), Schedule::default());
    let mut driver = client.watch(id).shared();
    let mut waiting = driver.clone();
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    progress(driver.next().await);
    assert!(waiting.poll_next_unpin(&mut cx).is_ready());
    for _ in 0..2 {
        assert!(waiting.poll_next_unpin(&mut cx).is_pending());
        let before = woken.0.load(Ordering::SeqCst);
        driver.next().await.unwrap();
        assert!(woken.0.load(Ordering::SeqCst) > before);
        assert!(waiting.poll_next_unpin(&mut cx).is_ready());
    }
    assert!(waiting.is_terminated());
}

#[tokio::test(start_paused = true)]
async fn reader_that_gets_the_event_is_not_woken() {
    let (_, client, id) = gateway(minute(), Schedule::default());
    let mut reader = client.watch(id).shared();
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    assert!(reader.poll_next_unpin(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    // A watch that has ended has no more events, but an outcome.
    let mut ended = client.watch("unknown");
    assert!(ended.by_ref().count().await > 0);
    let mut shared = ended.shared();
    assert!(shared.next().await.is_none());
    assert_eq!(shared.wait_until_done().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_on_several_threads_all_see_end() {
    let schedule = Schedule::every(ms(2)).no_max_wait();
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(60)), schedule);
    let simulator = simulator.speed(600).latency(ms(1));
    let shared = client.watch(id).shared();
    let readers = (0..20).map(|reader| {
        let mut shared = shared.clone();
        tokio::spawn(async move {
            let mut last = 0;
            while let Some(event) = shared.next().await {
                if let StatusEvent::Generating(now) = &event {
                    assert!(now.polls > last, "an event came twice, or out of order");
                    last = now.polls;
                }
                if reader % 3 == 0 {
                    sleep(ms(7)).await;
                }
                if event.is_terminal() {
                    return true;
                }
            }
            false
        })
    });
    let ends = join_all(readers.collect::<Vec<_>>()).await;
    assert!(ends.into_iter().all(Result::unwrap));
    assert!(simulator.requests().len() > 5);
}
