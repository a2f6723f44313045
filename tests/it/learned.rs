//! A schedule that learns goes by the age of the task, and learns by itself from the watches that follow it.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, History, RateLimit, Schedule, Status, TaskId};
use tokio::time::{Instant, sleep};

use crate::support::in_memory::{asked_at, builder, endless, gateway, most_within, ms, secs, watch_until};

/// Of tasks that took about five minutes.
fn five_minutes() -> History {
    (0..40).map(|task| secs(260 + 2 * task)).collect()
}

fn client(simulator: &Simulator, history: &History) -> Client {
    builder(simulator).schedule(Schedule::learned(history)).build().unwrap()
}

async fn watch(client: &Client, ids: &[TaskId], fleet: bool) {
    if fleet {
        client.watch_all(ids).count().await;
    } else {
        select_all(ids.iter().map(|id| client.watch(id))).count().await;
    }
}

/// The same polls, but for the seconds in which the gateway tells the time.
fn alike(polls: &[Duration], expected: &[Duration]) -> bool {
    polls.len() == expected.len()
        && polls.iter().zip(expected).all(|(poll, expected)| poll.abs_diff(*expected) < secs(2))
}

#[tokio::test(start_paused = true)]
async fn with_an_empty_history_it_polls_as_the_default_schedule_does() {
    for fleet in [false, true] {
        for tasks in [1, 40] {
            let polls = |schedule: Schedule| async move {
                let simulator = Simulator::new();
                let ids = endless(&simulator, tasks);
                let client = builder(&simulator).schedule(schedule).build().unwrap();
                watch(&client, &ids, fleet).await;
                asked_at(&simulator)
            };
            let (learned, default) =
                (polls(Schedule::learned(&History::new())).await, polls(Schedule::default()).await);
            if tasks == 1 {
                assert_eq!(learned, default);
            } else {
                // Of many at once each keeps its own place, and the first ones are told apart a little otherwise.
                assert!(learned.len().abs_diff(default.len()) <= tasks, "{} {}", learned.len(), default.len());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_watched_from_its_creation_is_polled_as_the_preview_says() {
    for fleet in [false, true] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        let schedule = Schedule::learned(&five_minutes());
        let expected: Vec<_> = schedule.preview().collect();
        assert!(expected[1] > secs(60), "{expected:?}");
        let client = builder(&simulator).schedule(schedule).build().unwrap();
        watch(&client, &ids, fleet).await;
        // A date that is a second behind makes a poll a little late: it adds up.
        let polls = asked_at(&simulator);
        assert!(polls.len().abs_diff(expected.len()) <= 2, "{polls:?} {expected:?}");
        assert!(alike(&polls[..3], &expected[..3]), "{polls:?} {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_comes_late_asks_when_the_task_is_old_enough() {
    for fleet in [false, true] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        let history = five_minutes();
        let client = client(&simulator, &history);
        sleep(secs(240)).await;
        watch_until(Instant::now() + secs(100), &client, &ids, fleet).await;
        let polls = asked_at(&simulator);
        // One that was watched from its creation is polled at 240 s too.
        let expected: Vec<_> = Schedule::learned(&history).preview().skip_while(|at| *at < secs(240)).take(4).collect();
        assert!(alike(&polls, &expected), "{polls:?} {expected:?}");
    }
}

/// Created at 2026-01-01T00:00:00Z.
fn body(id: &TaskId) -> String {
    format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":0,"createTime":1767225600000}}}}"#)
}

/// The gateway's clock is what counts, as its answers tell it. On paused time, the one here stands still.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_here_does_not_matter() {
    let polls = |date: Option<&'static str>| async move {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        if let Some(date) = date {
            simulator.inject(Fault::body(body(&ids[0])).header("date", date).always());
        }
        let client = client(&simulator, &five_minutes());
        watch_until(Instant::now() + secs(200), &client, &ids, false).await;
        asked_at(&simulator)
    };
    // It is 280 s old at each poll, and polled often.
    let old = polls(Some("Thu, 01 Jan 2026 00:04:40 GMT")).await;
    let new = polls(None).await;
    assert!(old.len() > 5 && new.len() == 2, "{old:?} {new:?}");
    // No date, and a record from another year: the age is not believed, and counts from the start of the watch.
    let unknown = polls(Some("yesterday")).await;
    assert!(alike(&unknown, &new), "{unknown:?} {new:?}");
}

#[tokio::test(start_paused = true)]
async fn it_learns_from_the_tasks_that_end_while_they_are_watched() {
    for fleet in [false, true] {
        let (simulator, history) = (Simulator::new(), History::new());
        let client = client(&simulator, &history);
        let mut ids: Vec<_> =
            (0..30).map(|task| simulator.add(SimulatedTask::new().generates_for(secs(280 + task)))).collect();
        ids.push(simulator.add(SimulatedTask::new().generates_for(secs(20)).ends_with(Status::GenerateFailed)));
        ids.push(simulator.add(SimulatedTask::new().ends_with(Status::CallbackFailed)));
        watch(&client, &ids, fleet).await;
        assert_eq!(history.recorded(), 32);
        let before = simulator.requests().len();
        let polls: Vec<_> = Schedule::learned(&history).preview().collect();
        assert!(polls[1] > secs(60), "{polls:?}");

        // They ended before: whoever looks at them again tells nothing new.
        watch(&client, &ids, fleet).await;
        assert_eq!((history.recorded(), simulator.requests().len()), (32, before + ids.len()));
        assert!(Schedule::learned(&history).preview().eq(polls));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_gives_up_tells_that_it_takes_longer_and_one_that_is_dropped_tells_nothing() {
    for fleet in [false, true] {
        let (simulator, history) = (Simulator::new(), five_minutes());
        let ids = endless(&simulator, 1);
        let (client, before) = (client(&simulator, &history), history.recorded());
        watch(&client, &ids, fleet).await;
        assert_eq!(history.recorded(), before + 1);
        watch_until(Instant::now() + secs(100), &client, &ids, fleet).await;
        assert_eq!(history.recorded(), before + 1);
        // A last look that fails says nothing of the task.
        simulator.inject(Fault::status(500).always());
        watch(&client, &ids, fleet).await;
        assert_eq!(history.recorded(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_time_counts_as_of_the_middle_between_two_polls() {
    let (simulator, history) = (Simulator::new(), History::new());
    let id = simulator.add(SimulatedTask::new().never_ends());
    let failed = format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":2,"createTime":1767225600000}}}}"#);
    let date = "Thu, 01 Jan 2026 00:02:00 GMT";
    simulator.inject(Fault::body(failed).header("date", date).after(4).always());
    let client = client(&simulator, &history);
    client.wait_until_done(&id).await.unwrap_err();
    assert_eq!(history.recorded(), 1);
    // The fourth poll, at 90 s, found it unfinished.
    let other: History = [secs(105)].into_iter().collect();
    assert!(Schedule::learned(&history).preview().eq(Schedule::learned(&other).preview()));
    // Found at the first look: it may have ended at any time before.
    client.wait_until_done(&id).await.unwrap_err();
    assert_eq!(history.recorded(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_is_not_believed() {
    // Created at 2026-01-01T00:00:00Z, found ended at 00:02:00.
    for (completed, counts) in [(1_767_225_700_000_u64, 1), (1_767_225_600_000 + 10_800_000, 0), (1_767_225_500_000, 0)]
    {
        let (simulator, history) = (Simulator::new(), History::new());
        let id = simulator.add(SimulatedTask::new().never_ends());
        let ended = format!(
            r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":2,"createTime":1767225600000,"completeTime":{completed}}}}}"#
        );
        simulator.inject(Fault::body(ended).header("date", "Thu, 01 Jan 2026 00:02:00 GMT").after(4).always());
        client(&simulator, &history).wait_until_done(&id).await.unwrap_err();
        // Without a time that makes sense it is as without one.
        assert_eq!(history.recorded(), if completed < 1_767_225_600_000 { 1 } else { counts }, "{completed}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_watches_of_a_task_and_single_looks_at_it_do_not_count_as_tasks() {
    let (simulator, history) = (Simulator::new(), History::new());
    let client = client(&simulator, &history);
    let id = simulator.add(SimulatedTask::new());
    select_all((0..10).map(|_| client.watch(&id))).count().await;
    assert_eq!(history.recorded(), 1);

    let look = client.with_schedule(Schedule::learned(&history).max_wait(Duration::ZERO)).unwrap();
    let id = simulator.add(SimulatedTask::new().never_ends());
    sleep(secs(200)).await;
    for _ in 0..10 {
        look.wait_until_done(&id).await.unwrap_err();
        sleep(secs(10)).await;
    }
    assert_eq!(history.recorded(), 1, "it was not watched from its creation");
}

#[tokio::test(start_paused = true)]
async fn after_failed_polls_it_asks_as_often_as_the_tasks_age_wants() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1);
    let client = client(&simulator, &five_minutes());
    sleep(secs(290)).await;
    simulator.inject(Fault::status(500).after(1).times(30));
    watch_until(Instant::now() + secs(300), &client, &ids, false).await;
    let polls = asked_at(&simulator);
    assert!(polls.windows(2).all(|pair| pair[1] - pair[0] <= secs(31)), "{polls:?}");
}

#[tokio::test(start_paused = true)]
async fn many_old_ones_watched_again_at_once_go_apart() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 500);
    let client = client(&simulator, &five_minutes());
    sleep(secs(3 * 3600)).await;
    watch_until(Instant::now() + secs(200), &client, &ids, true).await;
    let asked = asked_at(&simulator);
    let later: Vec<_> = asked.into_iter().filter(|at| *at > secs(3 * 3600 + 60)).collect();
    assert!(later.len() > 2_000 && most_within(&later, secs(1)) < 60, "{}", most_within(&later, secs(1)));
}

/// Two requests per second for 250 tasks at a time: as a fixed schedule would take them in turn, against what is learned.
#[tokio::test(start_paused = true)]
async fn short_turns_find_ends_sooner_than_in_the_order_of_coming() {
    async fn mean_delay(schedule: Schedule, fleet: bool) -> f64 {
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
            if fleet {
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
    for fleet in [false, true] {
        let in_order = mean_delay(Schedule::default(), fleet).await;
        let learned = mean_delay(Schedule::learned(&before), fleet).await;
        assert!(learned < 0.65 * in_order, "{fleet}: {learned} s, {in_order} s in order");
    }
}

/// A fleet stands in the queue once, for many, and there are more single watches than are all looked at.
#[tokio::test(start_paused = true)]
async fn a_fleet_beside_many_single_watches_has_its_share() {
    let simulator = Simulator::new();
    let budget = RateLimit::per(50, secs(10));
    let schedule = Schedule::learned(&five_minutes()).no_max_wait();
    let client = builder(&simulator).schedule(schedule).rate_limit(budget).build().unwrap();
    let (alone, together) = (endless(&simulator, 100), endless(&simulator, 500));
    let end = Instant::now() + secs(1_500);
    tokio::join!(watch_until(end, &client, &alone, false), watch_until(end, &client, &together, true));
    let requests = simulator.requests();
    let per_task = |ids: &[TaskId]| {
        let ids: std::collections::HashSet<_> = ids.iter().collect();
        requests.iter().filter(|request| ids.contains(&request.task_id)).count() / ids.len()
    };
    let (alone, together) = (per_task(&alone), per_task(&together));
    assert!(alone.abs_diff(together) <= 2, "{alone} polls of each alone, {together} of each in the fleet");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_does_not_learn_feeds_nothing() {
    let history = five_minutes();
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let learning = client.with_schedule(Schedule::learned(&history)).unwrap();
    client.wait_until_done(&id).await.unwrap();
    assert_eq!(history.recorded(), 40);
    let id = simulator.add(SimulatedTask::new());
    learning.wait_until_done(&id).await.unwrap();
    assert_eq!(history.recorded(), 41);
}

#[tokio::test(start_paused = true)]
async fn many_that_start_together_do_not_poll_together() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1_000);
    let client = client(&simulator, &five_minutes());
    watch_until(Instant::now() + secs(600), &client, &ids, true).await;
    let mut per_second = vec![0; 600];
    for at in asked_at(&simulator).iter().filter(|at| **at >= secs(1)) {
        per_second[usize::try_from(at.as_secs()).unwrap()] += 1;
    }
    // A poll each 15 s or so when they are likely to end; all at once it would be 1,000.
    let busiest = per_second.iter().max().unwrap();
    assert!(*busiest < 200, "{per_second:?}");
}

/// Where turns are short, those who gain most go first; and nobody is left out.
#[tokio::test(start_paused = true)]
async fn short_turns_go_to_tasks_that_are_likely_to_have_ended_and_to_each_of_the_others_now_and_then() {
    for fleet in [false, true] {
        let simulator = Simulator::new();
        let budget = RateLimit::per(10, secs(10));
        let client = builder(&simulator)
            .schedule(Schedule::learned(&five_minutes()).no_max_wait())
            .rate_limit(budget)
            .build()
            .unwrap();
        // Ten times as many as could be polled as often as the schedule would.
        let old = endless(&simulator, 200);
        sleep(secs(280)).await;
        let young = endless(&simulator, 100);
        let ids = [old.as_slice(), &young].concat();
        let start = Instant::now();
        watch_until(start + secs(3_000), &client, &ids, fleet).await;
        let requests = simulator.requests();
        let of = |id: &TaskId| {
            requests.iter().filter(|request| request.task_id == *id).map(|request| request.at).collect::<Vec<_>>()
        };
        for id in &ids {
            let polls = of(id);
            let gaps = polls.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(polls.len() >= 3 && gaps.max().unwrap() < secs(1_500), "{fleet} {polls:?}");
        }
        // Who was asked about early on: at 280 s the old ones are more likely to have ended.
        let early = |ids: &[TaskId]| {
            let polls = ids.iter().flat_map(of).filter(|at| *at > secs(280 + 320) && *at < secs(280 + 480));
            polls.count() / (ids.len() / 100)
        };
        assert!(early(&young) > early(&old), "{} {}: now the young ones are", early(&young), early(&old));
        let even: Vec<_> = requests.iter().map(|request| request.at).collect();
        assert!(even.windows(11).all(|window| window[10] - window[0] >= secs(10) - ms(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn task_that_ended_long_before_teaches_nothing() {
    for fleet in [false, true] {
        let (simulator, history) = (Simulator::new(), History::new());
        let client = client(&simulator, &history);
        let ids: Vec<_> =
            (0..3).map(|task| simulator.add(SimulatedTask::new().generates_for(secs(100 + task)))).collect();
        sleep(secs(1_000)).await;
        watch(&client, &ids, fleet).await;
        assert_eq!((history.recorded(), simulator.requests().len()), (0, 3), "{fleet}");
        // One that ends while it is watched does.
        watch(&client, &[simulator.add(SimulatedTask::new().generates_for(secs(100)))], fleet).await;
        assert_eq!(history.recorded(), 1, "{fleet}");
    }
}
