#![allow(clippy::arithmetic_side_effects, clippy::panic)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::executor::block_on_stream;
use futures::stream::poll_fn;
use futures::task::AtomicWaker;
use futures::{FutureExt, StreamExt};

use super::*;
use crate::event::{Finished, Progress};
use crate::task::{Record, Status};

fn task(status: Status) -> Task {
    let urls = vec!["https://files.example.com/v.mp4".to_owned()];
    Task::from(Record { result_urls: urls, ..Record::new(TaskId::from("t"), status) })
}

fn done() -> StatusEvent {
    StatusEvent::Done(Finished::new(task(Status::Success)))
}

fn generating(polls: u32) -> StatusEvent {
    let (elapsed, next_poll_in) = (Duration::ZERO, Duration::ZERO);
    StatusEvent::Generating(Progress { task: task(Status::Generating), polls, elapsed, next_poll_in })
}

#[derive(Default)]
struct Counted(AtomicUsize);

impl Counted {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The watch itself wakes no reader here.
#[test]
fn reader_that_comes_by_itself_wakes_the_others() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let is_known = Arc::clone(&is_ready);
    let events =
        poll_fn(move |_| if is_known.load(Ordering::SeqCst) { Poll::Ready(Some(done())) } else { Poll::Pending });
    let mut waiting = Watch::of_events(events).shared();
    let mut coming = waiting.clone();
    let woken = Arc::new(Counted::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waiting.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    is_ready.store(true, Ordering::SeqCst);
    assert_eq!(woken.times(), 0);
    assert!(coming.next().now_or_never().is_some());
    assert_eq!(woken.times(), 1);
}

/// Polls a reader in the moment in which it is woken, unless it is polling it already.
struct Inline<R> {
    reader: Mutex<R>,
    poll: fn(&mut R, &mut Context<'_>) -> bool,
    ended: AtomicBool,
    wakes: AtomicUsize,
}

impl<R: Send + 'static> Inline<R> {
    fn new(reader: R, poll: fn(&mut R, &mut Context<'_>) -> bool) -> Arc<Self> {
        Arc::new(Self { reader: Mutex::new(reader), poll, ended: AtomicBool::new(false), wakes: AtomicUsize::new(0) })
    }

    fn run(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        if let Ok(mut reader) = self.reader.try_lock() {
            if (self.poll)(&mut reader, &mut Context::from_waker(&waker)) {
                self.ended.store(true, Ordering::SeqCst);
            }
        }
    }
}

impl<R: Send + 'static> Wake for Inline<R> {
    fn wake(self: Arc<Self>) {
        if !self.ended.load(Ordering::SeqCst) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
            self.run();
        }
    }
}

/// Pending in the first polls. From then on it wakes its waker in each poll, as a source may that is ready at once, until it
/// has two events.
fn waking_itself(quiet_polls: usize) -> SharedWatch {
    let mut polls = 0;
    let events = poll_fn(move |cx| {
        polls += 1;
        match polls {
            _ if polls <= quiet_polls => Poll::Pending,
            _ if polls == quiet_polls + 5 => Poll::Ready(Some(generating(1))),
            _ if polls >= quiet_polls + 10 => Poll::Ready(Some(done())),
            _ => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    });
    Watch::of_events(events).shared()
}

/// Polls the readers until all have ended. Fails if that takes for ever.
fn assert_all_end<R: Send + 'static>(readers: Vec<Arc<Inline<R>>>) {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..100 {
            readers.iter().filter(|reader| !reader.ended.load(Ordering::SeqCst)).for_each(Inline::run);
        }
        let all = readers.iter().all(|reader| reader.ended.load(Ordering::SeqCst));
        let wakes = readers.iter().map(|reader| reader.wakes.load(Ordering::SeqCst)).sum::<usize>();
        ended.send(all && wakes > readers.len()).unwrap();
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(true), "a deadlock, or an end that did not come");
}

#[test]
fn waker_may_poll_another_stream_inline() {
    for readers in 2..5 {
        let shared = waking_itself(readers);
        let poll = |reader: &mut SharedWatch, cx: &mut Context<'_>| loop {
            match reader.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) if event.is_terminal() => return true,
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => panic!("an end without a last event"),
                Poll::Pending => return false,
            }
        };
        assert_all_end((0..readers).map(|_| Inline::new(shared.clone(), poll)).collect());
    }
}

#[test]
fn waker_may_poll_another_wait_inline() {
    for readers in 2..5 {
        let shared = waking_itself(readers);
        let poll = |wait: &mut SharedWait, cx: &mut Context<'_>| match wait.poll_unpin(cx) {
            Poll::Ready(outcome) => outcome.is_ok(),
            Poll::Pending => false,
        };
        assert_all_end((0..readers).map(|_| Inline::new(IntoFuture::into_future(shared.clone()), poll)).collect());
    }
}

/// What the watch does while another reader comes.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    Event,
    Panic,
}

#[test]
fn reader_that_finds_watch_taken_is_woken() {
    for meanwhile in [Meanwhile::Nothing, Meanwhile::Event, Meanwhile::Panic] {
        let other: Arc<Mutex<Option<SharedWatch>>> = Arc::default();
        let (woken, comes) = (Arc::new(Counted::default()), Arc::clone(&other));
        let waker = Waker::from(Arc::clone(&woken));
        let events = poll_fn(move |_| {
            // It wakes nobody by itself.
            let mut other = comes.lock().unwrap();
            for _ in 0..2 {
                assert!(other.as_mut().unwrap().poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
            }
            match meanwhile {
                Meanwhile::Nothing => Poll::Pending,
                Meanwhile::Event => Poll::Ready(Some(generating(1))),
                Meanwhile::Panic => panic!("on purpose"),
            }
        });
        let mut first = Watch::of_events(events).shared();
        *other.lock().unwrap() = Some(first.clone());
        let polled = catch_unwind(AssertUnwindSafe(|| first.next().now_or_never()));
        assert_eq!(woken.times(), 1, "{meanwhile:?}");
        assert!(matches!(
            (meanwhile, polled),
            (Meanwhile::Nothing, Ok(None)) | (Meanwhile::Event, Ok(Some(Some(_)))) | (Meanwhile::Panic, Err(_))
        ));
    }
}

#[test]
fn panic_in_poll_wakes_readers_that_wait() {
    let mut polls = 0;
    let events = poll_fn(move |_| {
        polls += 1;
        if polls == 2 { panic!("on purpose") } else { Poll::<Option<StatusEvent>>::Pending }
    });
    let mut waiting = Watch::of_events(events).shared();
    let mut first = waiting.clone();
    let woken = Arc::new(Counted::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waiting.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    let panic = catch_unwind(AssertUnwindSafe(|| first.next().now_or_never())).unwrap_err();
    assert_eq!((panic.downcast_ref(), woken.times()), (Some(&"on purpose"), 1));
    // The watch is back.
    assert!(waiting.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

#[test]
fn waker_that_panics_keeps_no_other_from_waking() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let is_known = Arc::clone(&is_ready);
    let events =
        poll_fn(move |_| if is_known.load(Ordering::SeqCst) { Poll::Ready(Some(done())) } else { Poll::Pending });
    let shared = Watch::of_events(events).shared();
    let woken = Arc::new(Counted::default());
    let wakers = [Waker::from(Arc::new(Panics)), Waker::from(Arc::clone(&woken))];
    let mut waiting: Vec<_> = wakers.iter().map(|_| shared.clone()).collect();
    for (reader, waker) in waiting.iter_mut().zip(&wakers) {
        assert!(reader.poll_next_unpin(&mut Context::from_waker(waker)).is_pending());
    }
    is_ready.store(true, Ordering::SeqCst);
    let mut coming = shared.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| coming.next().now_or_never())).is_err());
    assert_eq!(woken.times(), 1);
    // No event is lost by that.
    assert!(coming.next().now_or_never().flatten().unwrap().is_terminal());
}

/// Events come from another thread at random moments, while readers come, wait and leave on three threads.
#[test]
fn no_wake_from_another_thread_is_lost() {
    const ROUNDS: u64 = 2_000;
    const EVENTS: usize = 5;
    let (ended, ends) = mpsc::channel();
    for round in 0..ROUNDS {
        let source = Arc::new((AtomicUsize::new(0), AtomicWaker::new()));
        let (of_watch, mut taken) = (Arc::clone(&source), 0);
        let events = poll_fn(move |cx| {
            of_watch.1.register(cx.waker());
            if of_watch.0.load(Ordering::SeqCst) == taken {
                return Poll::Pending;
            }
            taken += 1;
            Poll::Ready(Some(if taken == EVENTS { done() } else { generating(1) }))
        });
        let shared = Watch::of_events(events).shared();
        let spin = move |salt| {
            let mut random = fastrand::Rng::with_seed(round * 100 + salt);
            move || (0..random.u32(0..300)).for_each(|_| std::hint::spin_loop())
        };
        for reader in 0..3 {
            let (mut shared, ended, mut pause) = (shared.clone(), ended.clone(), spin(reader));
            thread::spawn(move || {
                if reader == 0 {
                    // It is polled once, and leaves with its waker.
                    drop(shared.clone().next().now_or_never());
                }
                pause();
                if reader == 1 {
                    shared = shared.clone();
                }
                let last = block_on_stream(shared).inspect(|_| pause()).last();
                ended.send(last.is_some_and(|event| event.is_terminal())).unwrap();
            });
        }
        let mut pause = spin(99);
        for _ in 0..EVENTS {
            pause();
            source.0.fetch_add(1, Ordering::SeqCst);
            source.1.wake();
        }
        for _ in 0..3 {
            assert_eq!(ends.recv_timeout(Duration::from_secs(30)), Ok(true), "a wake-up was lost in round {round}");
        }
    }
}
