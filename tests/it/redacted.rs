//! What an event shows to a browser: neither what its task was made with, nor other tasks.

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{Schedule, StatusEvent};
use serde_json::{Value, json};

use crate::support::in_memory::{gateway, held_back, secs};

#[tokio::test(start_paused = true)]
async fn refused_task_of_others_is_not_shown_even_from_a_store() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.add_as("task-of-another", SimulatedTask::new());
    simulator.inject(Fault::code(429, "task-of-another asks too often").retry_after("60"));
    client.status("task-of-another").await.unwrap_err();
    let event = StatusEvent::HeldBack(held_back(&mut client.watch(&id)).await);
    let stored = serde_json::to_string(&event).unwrap();
    assert!(stored.contains("task-of-another"));
    let read: StatusEvent = serde_json::from_str(&stored).unwrap();
    for event in [event.redacted(), read.redacted()] {
        let shown = serde_json::to_string(&event).unwrap();
        assert!(!shown.contains("another") && shown.contains("[task] asks too often (HTTP 200, code 429)"), "{shown}");
    }
    assert_eq!(event.redacted(), read.redacted());
}

/// A record with texts that no browser should see, changed so that parts of it cannot be read.
fn broken_records(id: &str) -> Vec<String> {
    let params = json!({ "prompt": "HIDDEN", "callBackUrl": "https://HIDDEN.example/?token=HIDDEN", "videoUrl": "https://HIDDEN" });
    let record = json!({
        "code": 200, "msg": "success",
        "data": {
            "taskId": id, "paramJson": params.to_string(), "successFlag": 0, "createTime": 1_755_078_296_000_u64,
            "completeTime": null, "errorCode": null, "errorMessage": null, "prompt": "HIDDEN", "owner": { "name": "HIDDEN" },
            "response": { "taskId": id, "resultUrls": ["https://files.example/v.mp4"], "originUrls": ["https://HIDDEN/o.mp4"] },
        },
    });
    let odd = [
        json!("HIDDEN"),
        json!({ "a": "HIDDEN" }),
        json!(["HIDDEN"]),
        json!(null),
        json!(7),
        json!(-1.5e300),
        json!(""),
    ];
    let mut records = vec![record.to_string()];
    for field in ["taskId", "paramJson", "successFlag", "createTime", "errorCode", "errorMessage", "response"] {
        // A reason of the vendor is shown.
        let odd = odd.iter().filter(|odd| !field.starts_with("error") || !odd.to_string().contains("HIDDEN"));
        for value in odd {
            for flag in 0..=5 {
                let mut record = record.clone();
                record["data"]["successFlag"] = json!(flag);
                record["data"][field] = value.clone();
                records.push(record.to_string());
            }
        }
    }
    for field in ["code", "data"] {
        for value in [json!("HIDDEN"), json!(null), json!({ "paramJson": params.to_string() }), json!([record["data"]])]
        {
            let mut record = record.clone();
            record[field] = value;
            records.push(record.to_string());
        }
    }
    let whole = record.to_string();
    records.extend((1..whole.len()).step_by(7).filter_map(|end| whole.get(..end)).map(str::to_owned));
    records.push(record["data"].to_string());
    records.push(Value::String(whole).to_string());
    records
}

#[tokio::test(start_paused = true)]
async fn parameters_are_not_shown_however_a_record_is_broken() {
    for body in broken_records("774d9a7d") {
        let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::every(secs(30)).max_wait(secs(70)));
        simulator.add_as("774d9a7d", SimulatedTask::new().never_ends());
        simulator.inject(Fault::body(body.clone()).times(9));
        let events: Vec<_> = client.watch("774d9a7d").collect().await;
        for event in events {
            let shown = serde_json::to_string(&event.redacted()).unwrap();
            assert!(!shown.contains("HIDDEN"), "{body}\n{shown}");
        }
    }
}
