//! A gateway that fails for some time, or refuses for a long time: how much it is asked meanwhile, and how soon all is known
//! again.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, StatusEvent, TaskId};
use tokio::time::{Instant, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, failure, gave_up, ms, secs, slow_simulator};

const WATCHES: usize = 800;
const LATENCY: Duration = ms(100);

fn outages() -> [Fault; 3] {
    [Fault::status(502), Fault::status(504), Fault::reset()].map(Fault::always)
}

/// Each kind of outage, and each driver at least once.
fn outages_and_drivers() -> impl Iterator<Item = (Fault, Driver)> {
    outages().into_iter().zip([Driver::Watch, Driver::WatchAll, Driver::Watch])
}

/// Watches 800 tasks every 30 s, and lets this fault happen to all requests for this long, after two rounds.
/// Returns the simulator's time of the fault's begin.
async fn watch_through(driver: Driver, fault: Fault, lasts: Duration) -> (Simulator, Duration) {
    fastrand::seed(7); // the jitter of retries
    let simulator = slow_simulator(LATENCY);
    let ids = endless(&simulator, WATCHES);
    let client = builder(&simulator).schedule(Schedule::every(secs(30)).no_max_wait()).build().unwrap();
    let begin = secs(75);
    let outage = async {
        sleep(begin).await;
        simulator.inject(fault);
        sleep(lasts).await;
        simulator.clear_faults();
    };
    let watched = driver.watch_until(Instant::now() + begin + lasts + secs(75), &client, &ids);
    tokio::join!(outage, watched);
    (simulator, begin)
}

/// How long after this time a good answer for each task has come for which a request failed.
fn known_again_after(simulator: &Simulator, end: Duration) -> Vec<Duration> {
    let mut failed: HashMap<TaskId, Option<Duration>> = HashMap::new();
    for request in simulator.requests() {
        if request.status != Some(200) {
            failed.insert(request.task_id, None);
        } else if let Some(known) = failed.get_mut(&request.task_id) {
            known.get_or_insert(request.at + LATENCY - end);
        }
    }
    let mut delays: Vec<_> = failed.into_values().map(|known| known.unwrap_or(Duration::MAX)).collect();
    delays.sort();
    delays
}

#[tokio::test(start_paused = true)]
async fn outage_brings_no_more_requests_than_usual() {
    const NORMAL: usize = WATCHES * 2; // per minute
    for (fault, driver) in outages_and_drivers() {
        let (simulator, begin) = watch_through(driver, fault.clone(), secs(360)).await;
        let times = asked_at(&simulator);
        let minute = |at: Duration| times.iter().filter(|time| (at..at + secs(60)).contains(time)).count();
        let before = minute(begin - secs(60));
        assert!((NORMAL * 9 / 10..=NORMAL * 11 / 10).contains(&before), "not warmed up: {before}");
        let minutes: Vec<_> = (0..6).map(|number| minute(begin + secs(60 * number))).collect();
        let most = minutes.iter().max().unwrap();
        assert!(*most * 10 <= NORMAL * 11, "{driver:?} {fault:?}: {minutes:?}, usually {NORMAL}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_watches_are_known_soon_after_glitch() {
    for (lasts, limit) in [(5, secs(3)), (20, secs(15)), (120, secs(15))] {
        for (fault, driver) in outages_and_drivers() {
            let (simulator, begin) = watch_through(driver, fault.clone(), secs(lasts)).await;
            let delays = known_again_after(&simulator, begin + secs(lasts));
            let expected = WATCHES * usize::try_from(lasts).unwrap().min(30) / 30;
            assert!(delays.len() >= expected * 8 / 10, "only {} failed", delays.len());
            let mean = delays.iter().sum::<Duration>() / u32::try_from(delays.len()).unwrap();
            let (p99, last) = (delays[delays.len() * 99 / 100], delays[delays.len() - 1]);
            assert!(
                last <= limit,
                "{driver:?} {fault:?} for {lasts} s, {} failed: mean {mean:?}, p99 {p99:?}, last {last:?}",
                delays.len()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lone_watch_repeats_a_failed_poll_soon() {
    for fault in outages() {
        for _ in 0..20 {
            let simulator = Simulator::new();
            let ids = endless(&simulator, 1);
            let client = builder(&simulator).build().unwrap();
            simulator.inject(fault.clone().times(1));
            let mut watch = client.watch(&ids[0]);
            failure(watch.next().await);
            watch.next().await.unwrap();
            let repeated = asked_at(&simulator)[1];
            assert!(repeated >= ms(500) && repeated <= ms(1_001), "{fault:?}: {repeated:?}");
        }
    }
}

/// 429 with a `Retry-After` that no one can mean.
fn absurd_refusals() -> [Fault; 4] {
    let refusal = || Fault::status(429);
    [
        refusal().retry_after("30000"),
        refusal().retry_after("86400"),
        refusal().retry_after_date(secs(30_000)),
        refusal().header("date", "Thu, 01 Jan 1970 00:00:00 GMT").retry_after("Wed, 01 Jan 2025 00:00:00 GMT"),
    ]
}

/// A gateway with tasks that are done after 5 s, and a client of it.
fn short_tasks(count: usize, max_in_flight: usize) -> (Simulator, Client, Vec<TaskId>) {
    let simulator = slow_simulator(LATENCY);
    let ids = (0..count).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(5)))).collect();
    let client = builder(&simulator).max_in_flight(max_in_flight).build().unwrap();
    (simulator, client, ids)
}

/// When each watch ended, and whether its task was done.
async fn ends(driver: Driver, client: &Client, ids: &[TaskId]) -> Vec<(Duration, bool)> {
    let start = Instant::now();
    let ends = driver.events(client, ids).filter_map(async |event| {
        event.is_terminal().then(|| (start.elapsed(), matches!(event, StatusEvent::Done(_))))
    });
    ends.collect().await
}

#[tokio::test(start_paused = true)]
async fn absurd_retry_after_costs_no_task() {
    for driver in Driver::BOTH {
        for (fault, max_in_flight) in absurd_refusals().into_iter().flat_map(|fault| [(fault.clone(), 1), (fault, 256)])
        {
            let (simulator, client, ids) = short_tasks(100, max_in_flight);
            simulator.inject(fault.clone());
            let ends = ends(driver, &client, &ids).await;
            let done = ends.iter().filter(|(_, done)| *done).count();
            let last = ends.iter().map(|(at, _)| at).max().unwrap();
            assert!(
                done == 100 && *last <= secs(180),
                "{driver:?} {fault:?}, {max_in_flight} in flight: {done} done, the last after {last:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn good_status_after_refusal_releases_all() {
    for driver in Driver::BOTH {
        let (simulator, client, ids) = short_tasks(101, 1);
        simulator.inject(Fault::status(429).retry_after("3600"));
        let refused = timeout(secs(1), driver.events(&client, &ids[..1]).next()).await.unwrap();
        failure(refused);
        let status = async {
            sleep(secs(10)).await;
            client.status(&ids[0]).await.unwrap();
        };
        let (ends, ()) = tokio::join!(ends(driver, &client, &ids[1..]), status);
        let last = ends.iter().map(|(at, _)| at).max().unwrap();
        assert!(ends.iter().all(|(_, done)| *done) && *last <= secs(30), "{driver:?}: the last after {last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_watch_makes_its_final_poll_under_refusal() {
    for driver in Driver::BOTH {
        for (fault, recovered) in [Fault::status(429), Fault::status(503)]
            .into_iter()
            .flat_map(|fault| [(fault.clone(), true), (fault, false)])
        {
            let simulator = slow_simulator(LATENCY);
            let ids: Vec<_> = (0..50).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(60)))).collect();
            let client = builder(&simulator).schedule(Schedule::default().max_wait(secs(100))).build().unwrap();
            let refusal = fault.clone().retry_after("3600").always();
            simulator.inject(refusal);
            let recovery = async {
                sleep(secs(50)).await;
                if recovered {
                    simulator.clear_faults();
                }
            };
            let (events, ()) = tokio::join!(driver.events(&client, &ids).collect::<Vec<_>>(), recovery);
            let requests = simulator.requests();
            let last_looks = requests.iter().filter(|request| request.at >= secs(100));
            let mut looked: Vec<_> = last_looks.map(|request| &request.task_id).collect();
            looked.sort();
            looked.dedup();
            let done = events.iter().filter(|event| matches!(event, StatusEvent::Done(_))).count();
            let given_up = events.iter().filter(|event| gave_up(event) == Some(ErrorKind::Deadline)).count();
            assert_eq!(
                (looked.len(), done, given_up),
                if recovered { (50, 50, 0) } else { (50, 0, 50) },
                "{driver:?} {fault:?}: final polls, done, given up"
            );
        }
    }
}
