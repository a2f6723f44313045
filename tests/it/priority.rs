//! Under a short rate limit, a schedule that learns polls first what has most likely ended.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{History, RateLimit, Schedule, TaskId};
use tokio::time::{Instant, sleep};

use crate::support::driver::Driver;
use crate::support::in_memory::{builder, endless, five_minutes, ms, secs};

/// Two requests per second for 250 tasks at a time: in order, as a fixed schedule polls them, and by what is learned.
#[tokio::test(start_paused = true)]
async fn priority_under_short_rate_limit_finds_ends_sooner() {
    async fn mean_delay(schedule: Schedule, driver: Driver) -> f64 {
        let simulator = Simulator::new();
        let budget = RateLimit::per(20, secs(10));
        let client = builder(&simulator).schedule(schedule.no_max_wait()).rate_limit(budget).build().unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        let start = Instant::now();
        let (mut watches, mut all) = (Vec::new(), client.watch_all(Vec::<TaskId>::new()));
        let mut ends = std::collections::HashMap::new();
        let mut delays = Vec::new();
        for number in 0..500_u32 {
            let until = start + secs(1) * number;
            while let Ok(Some((id, event))) = tokio::time::timeout_at(until, all.next()).await {
                if event.is_terminal() {
                    delays.push(Instant::now() - ends[&id]);
                }
            }
            tokio::time::sleep_until(until).await;
            let lasts = ms(random.u64(200_000..400_000));
            let id = simulator.add(SimulatedTask::new().generates_for(lasts));
            ends.insert(id.clone(), until + lasts);
            if let Driver::WatchAll = driver {
                all.push(id);
            } else {
                let client = client.clone();
                let end = until + lasts;
                watches.push(tokio::spawn(async move {
                    client.wait_until_done(id).await.unwrap();
                    Instant::now() - end
                }));
            }
        }
        while let Some((id, event)) = all.next().await {
            if event.is_terminal() {
                delays.push(Instant::now() - ends[&id]);
            }
        }
        for watch in watches {
            delays.push(watch.await.unwrap());
        }
        assert_eq!(delays.len(), 500);
        delays.iter().sum::<Duration>().as_secs_f64() / 500.0
    }
    let before: History = (0..100).map(|task| secs(200 + (task * 37) % 200)).collect();
    for driver in Driver::BOTH {
        let in_order = mean_delay(Schedule::default(), driver).await;
        let learned = mean_delay(Schedule::learned(&before), driver).await;
        assert!(learned < 0.65 * in_order, "{driver:?}: {learned} s, {in_order} s in order");
    }
}

/// A `WatchAll` has one waiter in the queue for all its tasks, beside 100 waiters of single watches.
#[tokio::test(start_paused = true)]
async fn watch_all_beside_many_watches_gets_its_share() {
    let simulator = Simulator::new();
    let budget = RateLimit::per(50, secs(10));
    let schedule = Schedule::learned(&five_minutes()).no_max_wait();
    let client = builder(&simulator).schedule(schedule).rate_limit(budget).build().unwrap();
    let (alone, together) = (endless(&simulator, 100), endless(&simulator, 500));
    let end = Instant::now() + secs(1_500);
    tokio::join!(
        Driver::Watch.watch_until(end, &client, &alone),
        Driver::WatchAll.watch_until(end, &client, &together)
    );
    let requests = simulator.requests();
    let per_task = |ids: &[TaskId]| {
        let ids: std::collections::HashSet<_> = ids.iter().collect();
        requests.iter().filter(|request| ids.contains(&request.task_id)).count() / ids.len()
    };
    let (alone, together) = (per_task(&alone), per_task(&together));
    assert!(alone.abs_diff(together) <= 2, "{alone} polls of each alone, {together} of each in the WatchAll");
}

/// When permits are short, the tasks that gain most are polled first, and all are polled now and then.
#[tokio::test(start_paused = true)]
async fn priority_prefers_likely_ends_and_starves_no_task() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let budget = RateLimit::per(10, secs(10));
        let client = builder(&simulator)
            .schedule(Schedule::learned(&five_minutes()).no_max_wait())
            .rate_limit(budget)
            .build()
            .unwrap();
        // Ten times the tasks that the rate limit allows to poll on schedule.
        let old = endless(&simulator, 200);
        sleep(secs(280)).await;
        let young = endless(&simulator, 100);
        let ids = [old.as_slice(), &young].concat();
        let start = Instant::now();
        driver.watch_until(start + secs(3_000), &client, &ids).await;
        let requests = simulator.requests();
        let of = |id: &TaskId| {
            requests.iter().filter(|request| request.task_id == *id).map(|request| request.at).collect::<Vec<_>>()
        };
        for id in &ids {
            let polls = of(id);
            let gaps = polls.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(polls.len() >= 3 && gaps.max().unwrap() < secs(1_500), "{driver:?} {polls:?}");
        }
        // Polls in the first minutes.
        let early = |ids: &[TaskId]| {
            let polls = ids.iter().flat_map(of).filter(|at| *at > secs(280 + 320) && *at < secs(280 + 480));
            polls.count() / (ids.len() / 100)
        };
        assert!(early(&young) > early(&old), "{} {}: now the young ones are", early(&young), early(&old));
        let even: Vec<_> = requests.iter().map(|request| request.at).collect();
        assert!(even.windows(11).all(|window| window[10] - window[0] >= secs(10) - ms(1)));
    }
}

/// Tasks with a fixed schedule are beside tasks whose schedule learns, in one `WatchAll`.
#[tokio::test(start_paused = true)]
async fn fixed_schedules_are_not_starved_by_learned_ones() {
    let simulator = Simulator::new();
    let history: History = (0..100).map(|task| secs(200 + (task * 37) % 200)).collect();
    let learned = builder(&simulator).schedule(Schedule::learned(&history).no_max_wait());
    let client = learned.rate_limit(RateLimit::per(1, secs(2))).build().unwrap();
    let mut all = client.watch_all(endless(&simulator, 40));
    let fixed = endless(&simulator, 40);
    for id in &fixed {
        all.push_with(id, Schedule::every(secs(30)).no_max_wait()).unwrap();
    }
    assert!(tokio::time::timeout(secs(1_800), async { while all.next().await.is_some() {} }).await.is_err());
    let requests = simulator.requests();
    let of_fixed = requests.iter().filter(|request| fixed.contains(&request.task_id)).count();
    assert!(of_fixed > requests.len() / 4, "{of_fixed} of {}", requests.len());
    for id in &fixed {
        assert!(requests.iter().filter(|request| request.task_id == *id).count() > 2, "{id}");
    }
}
