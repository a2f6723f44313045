//! A task can be stored in any format and read back as the same task.

use std::collections::HashMap;

use luma_watch::{Error, Status, Task, TaskId};
use serde_json::{from_value, json, to_value};

fn task(status: &str) -> Task {
    from_value(json!({ "id": "x", "status": status, "result_urls": ["https://a/b"], "created_at_ms": 1 })).unwrap()
}

#[test]
fn status_survives_a_format_without_types() {
    for status in ["GENERATING", "SUCCESS", "CREATE_TASK_FAILED", "GENERATE_FAILED", "CALLBACK_FAILED"] {
        let stored = postcard::to_stdvec(&task(status)).unwrap();
        assert_eq!(postcard::from_bytes::<Task>(&stored).unwrap(), task(status));
    }
}

#[test]
fn status_reads_back_from_name_and_flag() {
    for flag in -1..=9 {
        let status: Status = from_value(json!(flag)).unwrap();
        assert_eq!(status.flag(), flag);
        assert_eq!(from_value::<Status>(to_value(status).unwrap()).unwrap(), status);
        assert_eq!(status.is_success(), flag == 1 || flag == 4);
        assert_eq!(status.is_terminal(), (1..=4).contains(&flag));
    }
    for nonsense in [json!("DONE"), json!(null), json!(1.5), json!(u64::MAX)] {
        let error = from_value::<Status>(nonsense.clone()).unwrap_err().to_string();
        assert!(error.contains("expected a status: GENERATING, SUCCESS, "), "{nonsense}: {error}");
        assert!(error.ends_with(", CALLBACK_FAILED, or a flag as a number"), "{nonsense}: {error}");
    }
}

#[test]
fn task_id_is_found_by_its_text() {
    let id = TaskId::from("x");
    let map = HashMap::from([(id.clone(), 1)]);
    assert_eq!(map.get("x"), Some(&1));
    assert!(id == "x" && id == *"x" && id.as_str() == "x");
}

#[test]
fn error_with_countless_causes_is_read_and_dropped() {
    let stored = json!({ "kind": "server", "message": "m", "causes": vec!["c"; 1_000_000] });
    let error: Error = from_value(stored).unwrap();
    assert!(format!("{:?}", std::error::Error::source(&error)).len() < 10_000);
    assert_eq!(error, from_value(to_value(&error).unwrap()).unwrap());
}
