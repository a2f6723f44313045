//! Consumers that come and go at random.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use futures::{FutureExt, Stream, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{BreakerState, Client, History, RateLimit, Schedule, StatusEvent, TaskId};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{asked_at, builder, most_within, ms, secs, slow_simulator};

#[derive(Default)]
struct Spin {
    at: AtomicU64,
    polls: AtomicUsize,
    worst: AtomicUsize,
    total: AtomicUsize,
}

impl Spin {
    fn note(&self, start: Instant) {
        let now = u64::try_from(start.elapsed().as_nanos()).unwrap();
        if self.at.swap(now, Ordering::Relaxed) != now {
            self.polls.store(0, Ordering::Relaxed);
        }
        self.total.fetch_add(1, Ordering::Relaxed);
        let polls = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
        self.worst.fetch_max(polls, Ordering::Relaxed);
    }
}

async fn counted<F: Future>(spin: Arc<Spin>, start: Instant, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        spin.note(start);
        future.as_mut().poll(cx)
    })
    .await
}

type Events = Pin<Box<dyn Stream<Item = (TaskId, StatusEvent)> + Send>>;

struct Seen(HashMap<TaskId, bool>);

impl Seen {
    fn note(&mut self, id: TaskId, event: &StatusEvent) {
        let ended = self.0.insert(id, event.is_terminal());
        assert_ne!(ended, Some(true), "an event after the end: {event:?}");
        if let StatusEvent::HeldBack(hold) = event {
            assert!(hold.next_poll_in <= secs(120), "{hold:?}");
        }
    }
}

fn ms_of(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    ms(random.u64(range))
}

async fn consumer(
    seed: u64,
    client: Client,
    ids: Vec<TaskId>,
    until: Instant,
    spin: Arc<Spin>,
    start: Instant,
    has_status: bool,
) -> Vec<Events> {
    let mut random = Rng::with_seed(seed);
    let mut left: Vec<Events> = Vec::new();
    while Instant::now() < until {
        sleep(ms_of(&mut random, 0..3_000)).await;
        let id = ids[random.usize(..ids.len())].clone();
        let mut ends = Seen(HashMap::new());
        let mut events: Events = match random.u8(0..8) {
            0 | 1 => {
                let own = id.clone();
                client.watch(&id).map(move |event| (own.clone(), event)).boxed()
            }
            2 | 3 => {
                let count = random.usize(1..ids.len());
                client.watch_all(&ids[..count]).boxed()
            }
            4 => {
                let own = id.clone();
                let shared = client.watch(&id).shared();
                drop(shared.clone().next().now_or_never());
                shared.map(move |event| (own.clone(), event)).boxed()
            }
            5 if has_status => {
                drop(
                    counted(Arc::clone(&spin), start, timeout(ms_of(&mut random, 1..5_000), client.status(&id))).await,
                );
                continue;
            }
            6 => {
                let mut all = client.watch_all(&ids[..1]);
                for _ in 0..random.u32(1..30) {
                    let other = &ids[random.usize(..ids.len())];
                    let next = counted(Arc::clone(&spin), start, timeout(ms_of(&mut random, 0..900), all.next())).await;
                    if let Ok(Some((_, event))) = next {
                        assert!(all.len() <= ids.len(), "{event:?}");
                    }
                    match random.u8(0..10) {
                        0..4 => drop(all.push(other)),
                        4..7 => drop(all.remove(other)),
                        7 => drop(all.stop()),
                        8 => all.drain(),
                        _ => {}
                    }
                }
                continue;
            }
            _ => {
                client.poll_now(&id);
                continue;
            }
        };
        for _ in 0..random.u32(1..40) {
            match counted(Arc::clone(&spin), start, timeout(ms_of(&mut random, 0..4_000), events.next())).await {
                Ok(None) => {
                    assert!(ends.0.values().all(|ended| *ended), "over too soon");
                    break;
                }
                Ok(Some((id, event))) => ends.note(id, &event),
                Err(_) => {}
            }
            if random.u8(0..6) == 0 {
                sleep(ms_of(&mut random, 0..6_000)).await; // away
            }
            if random.u8(0..4) == 0 {
                client.poll_now(&ids[random.usize(..ids.len())]);
            }
        }
        if random.u8(0..5) == 0 {
            left.push(events);
        }
    }
    left
}

async fn story(seed: u64, has_status: bool) {
    let mut random = Rng::with_seed(seed);
    let latency = ms(random.u64(0..800));
    let simulator = slow_simulator(latency);
    let ids: Vec<_> = (0..random.usize(2..60))
        .map(|_| {
            let task = SimulatedTask::new();
            simulator.add(if random.bool() {
                task.never_ends()
            } else {
                task.generates_for(ms(random.u64(0..200_000)))
            })
        })
        .collect();
    let limit = RateLimit::per(random.u32(1..30), ms(random.u64(300..10_000)));
    let limit = if random.bool() { limit.burst(random.u32(1..=limit.requests())) } else { limit };
    let max = random.usize(1..12);
    let history = History::new();
    (0..20).for_each(|task| history.record(secs(60 + 7 * task)));
    let schedule = match random.u8(0..4) {
        0 => Schedule::every(ms(random.u64(500..9_000))),
        1 => Schedule::exponential(ms(300), secs(20)),
        2 => Schedule::learned(&history).shortest_pause(secs(1)).longest_pause(secs(20)),
        _ => Schedule::every(secs(4)).first_poll_after(ms(700)),
    };
    let schedule = if has_status { schedule.max_wait(ms(random.u64(0..90_000))) } else { schedule.no_max_wait() };
    let builder = builder(&simulator).schedule(schedule).max_in_flight(max).request_timeout(secs(3)).rate_limit(limit);
    let client = builder.build().unwrap();
    for _ in 0..random.u32(1..5) {
        let wait = random.u64(1..15);
        simulator
            .inject(Fault::status(503).retry_after(wait.to_string()).times(random.u32(1..5)).after(random.u32(0..300)));
        simulator.inject(Fault::status(500).times(random.u32(1..60)).after(random.u32(0..200)));
        simulator.inject(Fault::stall().times(random.u32(1..5)).after(random.u32(0..200)));
    }
    let (start, spin) = (Instant::now(), Arc::<Spin>::default());
    let until = start + secs(240);
    let mut holds = Vec::new();
    let consumers = (0..random.u64(2..12)).map(|number| {
        let (client, ids, spin) = (client.clone(), ids.clone(), Arc::clone(&spin));
        tokio::spawn(consumer(seed * 1_000 + number, client, ids, until, spin, start, has_status))
    });
    let consumers: Vec<_> = consumers.collect();
    while Instant::now() < until {
        sleep(ms(100)).await;
        let limits = client.limits();
        assert!(limits.in_flight <= max && limits.in_flight_allowed <= max, "{limits:?}");
        if let Some(cooldown) = limits.cooldown.filter(|cooldown| !cooldown.remaining.is_zero()) {
            holds.push((start.elapsed(), cooldown.remaining));
        }
        if has_status && random.u16(0..300) == 0 {
            client.resume_now();
        }
    }
    let mut left = Vec::new();
    for consumer in consumers {
        left.extend(consumer.await.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
    }
    let times = asked_at(&simulator);
    let most = most_within(&times, limit.period());
    assert!(most <= limit.requests() as usize, "seed {seed}: {most} within {:?}", limit.period());
    assert!(
        spin.worst.load(Ordering::Relaxed) < 3_000,
        "seed {seed}: {} polls at once",
        spin.worst.load(Ordering::Relaxed)
    );
    let total = spin.total.load(Ordering::Relaxed);
    assert!(total < 600_000, "seed {seed}: {total} polls");
    // Absent ones are left; a present one is served.
    simulator.clear_faults();
    client.resume_now();
    let began = Instant::now();
    let mut watch = client.watch(&ids[0]);
    let bound = secs(6) + limit.period() * 2 + latency * 4;
    let served = timeout(secs(600), async {
        while !matches!(
            watch.next().await,
            Some(StatusEvent::Generating(_) | StatusEvent::Done(_) | StatusEvent::GaveUp(_))
        ) {}
    })
    .await;
    assert!(served.is_ok(), "seed {seed}: never served, {:?}", client.limits());
    assert!(began.elapsed() <= bound, "seed {seed}: {:?} of {bound:?}, {} left", began.elapsed(), left.len());
    drop((left, watch));
    sleep(secs(5)).await;
    let limits = client.limits();
    assert_eq!((limits.in_flight, limits.waiting), (0, 0), "seed {seed}: {limits:?}");
    assert!(
        limits.breaker == BreakerState::Closed
            || limits.cooldown.is_some()
            || limits.breaker == BreakerState::Recovering,
        "{limits:?}"
    );
    if !has_status {
        for (at, remaining) in holds {
            let early = times.iter().filter(|time| **time > at && **time < at + remaining).count();
            assert!(early == 0, "seed {seed}: {early} requests within {remaining:?} from {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn chaos_with_status() {
    for seed in seeds() {
        story(seed, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn chaos_without_end() {
    for seed in seeds() {
        story(seed, false).await;
    }
}

fn seeds() -> std::ops::Range<u64> {
    0..8
}
