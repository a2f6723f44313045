use std::convert::Infallible;
use std::future::pending;

use tokio::runtime::{Builder, Runtime};

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn end_of_asking_runtime_leaves_others_without_key() {
    let (first, second) = (runtime(), runtime());
    let keys = KeySource::new(ask(pending::<Result<String, Infallible>>), secs(3600));
    let mut asking = Box::pin(keys.key());
    first.block_on(async { assert!(asking.as_mut().now_or_never().is_none()) });
    let mut waiting = Box::pin(keys.key());
    second.block_on(async { assert!(waiting.as_mut().now_or_never().is_none()) });
    drop(first);
    let no_key = second.block_on(waiting).err().unwrap();
    assert!(no_key.detail.contains("the runtime that asked it has ended"), "{no_key:?}");
    // The one that asked learns the same.
    assert!(second.block_on(asking).is_err());
}
