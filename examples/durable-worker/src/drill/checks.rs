//! What must hold after the drill, and its table.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use luma_watch::{StatusEvent, Task};
use sqlx::postgres::PgPool;

use super::gateway::{CreatedTask, Gateway};
use super::{Observed, Plan};
use crate::{BoxError, db};

/// From SIGKILL until the jobs are free for other workers.
const LONGEST_RECOVERY: Duration = Duration::from_secs(10);

pub async fn check(plan: &Plan, gateway: &Gateway, pool: &PgPool, observed: &Observed) -> Result<(), BoxError> {
    let Observed { created, requests, lost_jobs, slowest_recovery } = observed;
    let mut wrong = Vec::new();
    let outcomes: Vec<(String, String, f64)> =
        sqlx::query_as("SELECT task_id, event::text, extract(epoch FROM recorded_at)::float8 FROM luma.outcomes")
            .fetch_all(pool)
            .await?;
    let mut by_id: HashMap<String, Vec<(StatusEvent, f64)>> = HashMap::new();
    for (id, event, recorded_at) in outcomes {
        by_id.entry(id).or_default().push((serde_json::from_str(&event)?, recorded_at));
    }

    let client = gateway.client_without_faults()?;
    let (mut delays, mut used_polls) = (Vec::new(), 0);
    for CreatedTask { id, ends_at } in created {
        let found = by_id.remove(id).unwrap_or_default();
        let [(event, recorded_at)] = &found[..] else {
            wrong.push(format!("task {id} has {} outcomes", found.len()));
            continue;
        };
        let truth = client.status(id.as_str()).await?;
        if event.task().map(result) != Some(result(&truth)) {
            wrong.push(format!("task {id} is recorded as {event:?}, and is {truth:?}"));
        }
        used_polls += polls(event);
        delays.push(recorded_at - ends_at.duration_since(UNIX_EPOCH)?.as_secs_f64());
    }
    wrong.extend(by_id.keys().map(|id| format!("an outcome of a task that was never created: {id}")));
    let counts = db::counts(pool).await?;
    if counts.waiting > 0 {
        wrong.push(format!("{} tasks are still waited for", counts.waiting));
    }
    let most = most_in_a_period(requests, plan.period);
    if most > plan.requests as usize {
        wrong.push(format!("{most} requests within {:?}, {} are allowed", plan.period, plan.requests));
    }

    if *slowest_recovery > LONGEST_RECOVERY {
        wrong.push(format!("the jobs of a killed worker were locked for {slowest_recovery:?}"));
    }

    delays.sort_by(f64::total_cmp);
    let delay = |part: f64| delays.get((delays.len() as f64 * part) as usize).or(delays.last()).copied().unwrap_or(0.0);
    println!("\n| what | measured |\n|---|---|");
    println!("| tasks created, outcomes recorded | {}, {} |", created.len(), counts.ended);
    println!("| what is missing, repeated or wrong | {} |", wrong.len());
    println!("| most requests within {:?}, and allowed | {most}, {} |", plan.period, plan.requests);
    println!(
        "| from a task's end to its outcome: median, p99, worst | {:.1} s, {:.1} s, {:.1} s |",
        delay(0.5),
        delay(0.99),
        delay(1.0)
    );
    println!(
        "| requests, and those whose answer was not used | {}, {} |",
        requests.len(),
        requests.len().saturating_sub(used_polls)
    );
    println!("| from SIGKILL until the jobs are free for others, worst | {:.1} s |", slowest_recovery.as_secs_f64());
    println!("| jobs that were given to another worker while they ran | {lost_jobs} |");
    println!("| retired jobs left | {} |", counts.retired);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What of a task must not differ. Its status may: the gateway changes it when a callback is never accepted.
fn result(task: &Task) -> (bool, &[String], Option<i64>, Option<&str>) {
    (task.status().is_success(), task.result_urls(), task.error_code(), task.error_message())
}

fn polls(event: &StatusEvent) -> usize {
    match event {
        StatusEvent::Done(finished) => finished.polls as usize,
        StatusEvent::GaveUp(error) => error.polls() as usize,
        _ => 0,
    }
}

fn most_in_a_period(times: &[Duration], period: Duration) -> usize {
    let mut begin = 0;
    let mut most = 0;
    for (end, time) in times.iter().enumerate() {
        while *time - times[begin] >= period {
            begin += 1;
        }
        most = most.max(end - begin + 1);
    }
    most
}
