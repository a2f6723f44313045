//! Answers at the edge of what can be read.

use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ErrorKind, Schedule, Status};

use crate::support::in_memory::gateway;

/// The status that a flag of this spelling reads as.
async fn status_of(flag: &str) -> Result<Status, ErrorKind> {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.inject(Fault::body(format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":{flag}}}}}"#)));
    client.status(&id).await.map(|task| task.status()).map_err(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn float_beyond_2_to_the_53_is_refused() {
    const LAST: i64 = 1 << 53;
    for (flag, number) in [
        ("9007199254740992.0", LAST),
        ("-9007199254740992.0", -LAST),
        ("9007199254740991.0", LAST - 1),
        // An integer is read digit by digit, and loses nothing.
        ("9007199254740993", LAST + 1),
        ("9223372036854775807", i64::MAX),
    ] {
        assert_eq!(status_of(flag).await, Ok(Status::Unknown(number)), "{flag}");
    }
    for flag in ["9007199254740994.0", "-9007199254740994.0", "9.1e15", "0.5"] {
        assert_eq!(status_of(flag).await, Err(ErrorKind::Decode), "{flag}");
    }
}

#[tokio::test(start_paused = true)]
async fn code_501_with_msg_success_gives_no_reason() {
    for message in ["success", "Success", "SUCCESS", ""] {
        let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
        simulator.inject(Fault::code(501, message));
        let error = client.wait_until_done(&id).await.unwrap_err();
        let text = error.to_string();
        assert_eq!((error.kind(), error.code()), (ErrorKind::TaskFailed, Some(501)));
        assert!(!text.to_lowercase().contains("success") && text.contains("gives no reason"), "{text}");
        assert_eq!(error.task().unwrap().error_message(), None);
    }
}
