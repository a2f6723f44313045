//! The example `restart`, killed in the middle: the list of tasks, their deadlines and their results hold.

#[allow(dead_code, unreachable_pub)] // it is a program
#[path = "../../examples/restart.rs"]
mod example;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Checkpoint, Client, Schedule};
use tokio::time::{sleep, timeout};

use crate::support::child::{Child, is_child};
use crate::support::in_memory::ms;

const URL: &str = "LUMA_WATCH_TEST_URL";
const FOLDER: &str = "LUMA_WATCH_TEST_FOLDER";
const IDS: [&str; 3] = ["short", "../odd id/", "endless"];

/// Waits for the tasks until it is killed.
#[tokio::test]
async fn waits_in_a_process_of_its_own() {
    if is_child() {
        let (url, folder) = (env::var(URL).unwrap(), PathBuf::from(env::var_os(FOLDER).unwrap()));
        let client = client(&url);
        example::wait(&client, &folder, &IDS.map(str::to_owned)).await.unwrap();
    }
}

fn client(url: &str) -> Client {
    let schedule = Schedule::every(ms(50)).max_wait(ms(1_500));
    Client::builder("test-key").base_url(url).schedule(schedule).build().unwrap()
}

fn checkpoints(folder: &Path) -> Vec<Checkpoint> {
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut read: Vec<_> =
        files.map(|path| serde_json::from_slice::<Checkpoint>(&fs::read(path).unwrap()).unwrap()).collect();
    read.sort_by(|a, b| a.task_id().cmp(b.task_id()));
    read
}

#[tokio::test]
async fn killed_process_loses_no_task_and_no_deadline() {
    let simulator = Simulator::new();
    let server = simulator.serve().await.unwrap();
    simulator.add_as(IDS[0], SimulatedTask::new().generates_for(ms(200)));
    simulator.add_as(IDS[1], SimulatedTask::new().generates_for(ms(900)));
    simulator.add_as(IDS[2], SimulatedTask::new().never_ends());
    let folder = env::temp_dir().join(format!("luma-watch-restart-{}", std::process::id()));
    let child = Child::of("restart::waits_in_a_process_of_its_own").set(URL, server.url()).set(FOLDER, &folder);
    let mut child = child.spawn();
    // The first task ends, the others do not.
    let only_two_left = async {
        while simulator.requests().len() < 9 || checkpoints(&folder).len() != 2 {
            sleep(ms(10)).await;
        }
    };
    timeout(Duration::from_secs(20), only_two_left).await.unwrap();
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let left = checkpoints(&folder);
    assert_eq!(left.iter().map(|left| left.task_id().as_str()).collect::<Vec<_>>(), [IDS[1], IDS[2]]);
    let deadlines: Vec<_> = left.iter().map(Checkpoint::deadline).collect();

    // As the example does after a restart. The deadline is that of the first process, and not a new one.
    let client = client(&server.url());
    let outcomes = left.iter().map(|checkpoint| client.resume(checkpoint.clone()));
    let outcomes = futures::future::join_all(outcomes.map(luma_watch::Watch::wait_until_done)).await;
    assert_eq!(outcomes[0].as_ref().unwrap().result_urls().len(), 1);
    let gave_up = outcomes[1].as_ref().unwrap_err();
    assert_eq!(gave_up.kind(), luma_watch::ErrorKind::Deadline);
    assert!(gave_up.elapsed() >= ms(1_500), "{gave_up}");
    assert!(std::time::SystemTime::now() >= deadlines[1].unwrap());
    example::wait(&client, &folder, &[]).await.unwrap();
    assert_eq!(checkpoints(&folder), []);
    fs::remove_dir(folder).unwrap();
}
