//! Many watches at once: slow consumers, and several threads.

use std::collections::HashMap;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::Fault;
use luma_watch::{RateLimit, Schedule, StatusEvent};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{builder, endless, ms, secs, slow_simulator};

/// Held back beyond its deadline, with a consumer that takes 50 ms for each event.
#[tokio::test(start_paused = true)]
async fn slow_consumer_of_held_watch_all_gets_true_times() {
    let simulator = slow_simulator(ms(20));
    let ids = endless(&simulator, 1_001);
    let client = builder(&simulator).schedule(Schedule::default().max_wait(secs(30))).build().unwrap();
    simulator.inject(Fault::status(503).retry_after("60").only(&ids[1_000]));
    client.status(&ids[1_000]).await.unwrap_err();
    let (start, mut ends, mut held) = (Instant::now(), HashMap::new(), HashMap::new());
    let mut all = client.watch_all(&ids[..1_000]);
    let mut zero = 0;
    while let Some((id, event)) = all.next().await {
        assert!(!ends.contains_key(&id), "after its end: {event:?}");
        match &event {
            StatusEvent::GaveUp(_) | StatusEvent::Done(_) => drop(ends.insert(id, start.elapsed())),
            StatusEvent::HeldBack(cooldown) => {
                *held.entry(id).or_insert(0) += 1;
                zero += usize::from(cooldown.next_poll_in.is_zero());
            }
            _ => {}
        }
        sleep(ms(50)).await;
    }
    assert_eq!(ends.len(), 1_000);
    assert!(held.values().all(|count| *count == 1));
    assert_eq!(zero, 0, "held back for no time, {} in all", held.len());
}

/// Threads, in real time.
#[test]
fn threads_leave_no_waiter_and_no_permit_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let simulator = slow_simulator(ms(2));
        let ids = endless(&simulator, 64);
        let limit = RateLimit::per(100, ms(50));
        let client = builder(&simulator).schedule(Schedule::every(ms(20)).no_max_wait()).rate_limit(limit);
        let client = client.max_in_flight(7).request_timeout(ms(300)).build().unwrap();
        let until = Instant::now() + ms(1_300);
        simulator.inject(Fault::status(500).probability(0.1).always());
        let tasks: Vec<_> = (0..48_u64)
            .map(|number| {
                let (client, ids) = (client.clone(), ids.clone());
                tokio::spawn(async move {
                    let mut random = fastrand::Rng::with_seed(number);
                    while Instant::now() < until {
                        let from = random.usize(..60);
                        match random.u8(0..4) {
                            0 => drop(timeout(ms(random.u64(0..30)), client.status(&ids[from])).await),
                            1 => drop(
                                timeout(ms(random.u64(0..60)), client.watch_all(&ids[from..]).for_each(|_| async {}))
                                    .await,
                            ),
                            2 => {
                                let shared = client.watch(&ids[from]).shared();
                                let other = tokio::spawn(shared.clone().take(3).for_each(|_| async {}));
                                drop(timeout(ms(random.u64(0..60)), shared.for_each(|_| async {})).await);
                                other.abort();
                            }
                            _ => {
                                let mut watch = client.watch(&ids[from]);
                                drop(watch.next().now_or_never());
                                let moved = tokio::spawn(async move {
                                    timeout(ms(20), watch.by_ref().take(2).for_each(|_| async {})).await.is_ok()
                                });
                                client.poll_now(&ids[from]);
                                moved.await.unwrap();
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            timeout(secs(4), task).await.expect("hangs").unwrap();
        }
        simulator.clear_faults();
        sleep(ms(60)).await;
        let checks = timeout(secs(2), join_all(ids.iter().map(|id| client.status(id)))).await.expect("never served");
        assert!(checks.iter().all(Result::is_ok));
        sleep(ms(20)).await;
        assert_eq!((client.limits().in_flight, client.limits().waiting), (0, 0));
    });
}
