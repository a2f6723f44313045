//! A stand-in for the library's stateless step.
use luma_watch::{Client, Error, Finished, PollFailure, Progress, StatusEvent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    pub id: String,
    pub polls: u32,
    pub failures: u32,
}
pub struct Step {
    pub event: Option<StatusEvent>,
    pub next: Option<Next>,
}
pub struct Next {
    pub after: Duration,
    pub checkpoint: Checkpoint,
}
pub async fn poll_once(client: &Client, checkpoint: &Checkpoint) -> Result<Step, Error> {
    let mut checkpoint = checkpoint.clone();
    checkpoint.polls += 1;
    let every = client.schedule().preview().nth(1).unwrap_or(Duration::from_secs(1));
    let next = |checkpoint, after| Some(Next { after, checkpoint });
    Ok(match client.status(checkpoint.id.as_str()).await {
        Ok(task) if task.status().is_success() => {
            let mut finished = Finished::new(task);
            finished.polls = checkpoint.polls;
            Step { event: Some(StatusEvent::Done(finished)), next: None }
        }
        Ok(task) if task.status().is_terminal() => {
            let error = client.wait_until_done(checkpoint.id.as_str()).await.unwrap_err();
            Step { event: Some(StatusEvent::GaveUp(error)), next: None }
        }
        Ok(task) => Step { event: Some(StatusEvent::Generating(Progress::new(task))), next: next(checkpoint, every) },
        Err(error) => {
            let after = error.retry_after().unwrap_or(every);
            Step { event: Some(StatusEvent::PollFailed(PollFailure::new(error))), next: next(checkpoint, after) }
        }
    })
}
