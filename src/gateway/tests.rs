use std::convert::Infallible;
use std::future::pending;

use super::*;
use crate::endpoint::LUMA_MODIFY;
use crate::simulator::Simulator;
use crate::transport::ask;

#[tokio::test(start_paused = true)]
async fn slow_key_source_is_no_timeout_of_gateway() {
    let simulator = Simulator::new();
    let transport = Transport::InMemory(simulator.in_memory(None).unwrap());
    let source = ask(pending::<Result<String, Infallible>>);
    let gateway = Gateway::new(transport, &LUMA_MODIFY, Duration::from_secs(20), Some(source));
    let request = PollRequest { id: TaskId::from("x"), wants_age: false };
    // A final poll that has waited for its permit has less than the source.
    let error = gateway.poll(&request, Duration::from_secs(5)).await.unwrap_err().error;
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Config, true), "{error}");
    assert!(error.to_string().contains("the source of the API key gave none within 5s"), "{error}");
    assert_eq!(simulator.requests(), []);
}
