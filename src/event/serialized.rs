//! The two written forms of an event: an object with its name under `event` where names are written, and a variant with its
//! number where they are not.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::details::{Finished, HeldBack, PollFailure, Progress};
use super::status_event::StatusEvent;
use crate::error::Error;

/// For formats such as JSON.
#[derive(Serialize, Deserialize)]
#[serde(remote = "StatusEvent", tag = "event", rename_all = "snake_case")]
enum Named {
    Generating(Progress),
    PollFailed(PollFailure),
    HeldBack(HeldBack),
    Done(Finished),
    GaveUp(#[serde(with = "under_its_name")] Error),
}

/// For binary formats, which may not say what comes next.
#[derive(Serialize, Deserialize)]
#[serde(remote = "StatusEvent", rename_all = "snake_case")]
enum Compact {
    Generating(Progress),
    PollFailed(PollFailure),
    HeldBack(HeldBack),
    Done(Finished),
    GaveUp(Error),
}

impl Serialize for StatusEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Named::serialize(self, serializer)
        } else {
            Compact::serialize(self, serializer)
        }
    }
}

impl<'de> Deserialize<'de> for StatusEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Named::deserialize(deserializer)
        } else {
            Compact::deserialize(deserializer)
        }
    }
}

/// An error as an object's field, because the object has a name already.
mod under_its_name {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::error::Error;

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "GaveUp")]
    struct Field<E> {
        error: E,
    }

    pub(super) fn serialize<S: Serializer>(error: &Error, serializer: S) -> Result<S::Ok, S::Error> {
        Field { error }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Error, D::Error> {
        Field::deserialize(deserializer).map(|field| field.error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use serde_json::{Value, from_value, json, to_value};

    use super::*;
    use crate::error::ErrorKind;
    use crate::task::{Task, TaskId};

    fn task() -> Task {
        from_value(json!({"id": "t", "status": "SUCCESS", "result_urls": ["https://files.example/v.mp4"],
            "created_at_ms": 1_755_078_296_000_i64, "error_code": 7, "extra": {"progress": "0.4"}}))
        .unwrap()
    }

    fn error(kind: ErrorKind) -> Error {
        let cause = io::Error::other(Error::new(ErrorKind::Server, "a\nb"));
        let error = Error::new(kind, "a detail").caused_by(cause).of_task(&TaskId::from("t"), Some(task()));
        error
            .with_response(Some(429), Some(430), Some(Duration::from_secs(7)))
            .in_watch(3, Duration::from_millis(61_234))
    }

    fn events() -> Vec<StatusEvent> {
        let (polls, elapsed, next_poll_in) = (3, Duration::from_millis(60_123), Duration::from_millis(812));
        let mut events = vec![
            StatusEvent::Generating(Progress { task: task(), polls, elapsed, next_poll_in }),
            StatusEvent::Done(Finished { task: task(), polls, elapsed }),
        ];
        for kind in [ErrorKind::RateLimited, ErrorKind::TaskFailed, ErrorKind::Deadline] {
            let error = error(kind);
            events.push(StatusEvent::PollFailed(PollFailure {
                error: error.clone(),
                consecutive: 2,
                polls,
                elapsed,
                next_poll_in,
            }));
            events.push(StatusEvent::HeldBack(HeldBack {
                error: error.clone().permanent(),
                polls,
                elapsed,
                next_poll_in,
            }));
            events.push(StatusEvent::GaveUp(error));
        }
        events.push(StatusEvent::GaveUp(Error::new(ErrorKind::Config, "")));
        events
    }

    #[test]
    fn event_reads_back_as_the_same_from_json() {
        for event in events() {
            let json = to_value(&event).unwrap();
            let read: StatusEvent = from_value(json.clone()).unwrap();
            assert_eq!(read, event);
            assert_eq!(to_value(&read).unwrap(), json);
            assert_eq!(format!("{:?}", read.outcome()), format!("{:?}", event.outcome()));
        }
    }

    #[test]
    fn event_reads_back_as_the_same_from_a_binary_format() {
        for event in events() {
            let bytes = postcard::to_stdvec(&event).unwrap();
            assert_eq!(postcard::from_bytes::<StatusEvent>(&bytes).unwrap(), event);
        }
    }

    #[test]
    fn errors_that_differ_in_one_field_are_not_equal() {
        let stored = to_value(error(ErrorKind::RateLimited)).unwrap();
        let read = |json: Value| from_value::<Error>(json).unwrap();
        let different = json!({"kind": "server", "message": "m", "causes": ["c"], "transient": false, "task_id": "u",
            "task": null, "http_status": 500, "code": 1, "retry_after_ms": 1, "polls": 4, "elapsed_ms": 1});
        for (field, value) in different.as_object().unwrap() {
            let mut other = stored.clone();
            other[field] = value.clone();
            assert_ne!(read(other), read(stored.clone()), "{field}");
        }
        assert_eq!(read(stored.clone()), error(ErrorKind::RateLimited));
        assert_eq!(stored.as_object().unwrap().len(), different.as_object().unwrap().len());
    }

    #[test]
    fn error_of_a_test_needs_a_kind_and_a_message_only() {
        let read: Error = from_value(json!({"kind": "deadline", "message": "a\u{2028}b"})).unwrap();
        assert_eq!((read.to_string(), read.is_transient(), read.polls()), ("a\\u{2028}b".to_owned(), true, 0));
        assert_eq!(read, from_value(to_value(&read).unwrap()).unwrap());
        assert!(from_value::<Error>(json!({"kind": "deadline"})).is_err());
    }

    #[test]
    fn redacted_event_names_no_other_task_after_it_was_stored() {
        let other = Error::new(ErrorKind::RateLimited, "").of_task(&TaskId::from("other"), Some(task()));
        let event = StatusEvent::HeldBack(HeldBack::new(other));
        let stored = [
            from_value(to_value(&event).unwrap()).unwrap(),
            postcard::from_bytes(&postcard::to_stdvec(&event).unwrap()).unwrap(),
            event,
        ];
        for event in stored {
            let event: StatusEvent = event;
            assert!(event.redacted().task().is_none());
            let json = to_value(event.redacted()).unwrap();
            assert!(!json.to_string().contains("other"), "{json}");
            assert_eq!(json["error"]["message"], "the gateway asks for fewer requests");
        }
    }

    #[test]
    fn redacted_event_keeps_what_a_page_shows() {
        let stored = json!({"id": "t", "status": "SUCCESS", "result_urls": ["https://f/r"], "origin_urls": ["https://f/o"],
            "param_json": "{\"prompt\":\"p\",\"callBackUrl\":\"https://us/c\"}", "error_message": "why",
            "extra": {"progress": "40%", "userId": "77", "response.progress": "0.4", "token": "s"},
            "unreadable": [{"path": "data.x", "reason": "is secret"}]});
        let task: Task = from_value(stored).unwrap();
        let error = Error::new(ErrorKind::Deadline, "d").caused_by(io::Error::other("10.0.0.1"));
        let error = error.of_task(&TaskId::from("t"), Some(task.clone()));
        let events = [
            StatusEvent::Generating(Progress::new(task.clone())),
            StatusEvent::PollFailed(PollFailure::new(error.clone())),
            StatusEvent::Done(Finished::new(task)),
            StatusEvent::GaveUp(error),
        ];
        for event in events {
            let shown = event.redacted();
            let json = to_value(&shown).unwrap().to_string();
            for secret in ["https://f/o", "prompt", "https://us", "77", "token", "secret", "10.0.0.1"] {
                assert!(!json.contains(secret), "{secret}: {json}");
            }
            for kept in ["https://f/r", "40%", "0.4", "why", "SUCCESS"] {
                assert!(json.contains(kept), "{kept}: {json}");
            }
            assert_eq!((shown.name(), shown.is_terminal()), (event.name(), event.is_terminal()));
        }
    }
}
