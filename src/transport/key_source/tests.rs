use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::time::{advance, sleep};

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

/// A source that gives the present text, takes a second, and counts how often it is asked.
struct Vault {
    text: Mutex<&'static str>,
    asked: AtomicUsize,
}

fn vault() -> (Arc<Vault>, Arc<KeySource>) {
    let vault = Arc::new(Vault { text: Mutex::new("first"), asked: AtomicUsize::new(0) });
    let source = Arc::clone(&vault);
    let source = ask(move || {
        source.asked.fetch_add(1, Ordering::SeqCst);
        let text = *source.text.lock().unwrap();
        async move {
            sleep(secs(1)).await;
            Ok::<_, Infallible>(ApiKey::new(text).expires_in(secs(100)))
        }
    });
    (vault, KeySource::new(source, secs(10)))
}

#[tokio::test(start_paused = true)]
async fn same_key_asked_for_before_refusal_is_asked_again() {
    let (vault, keys) = vault();
    let sent = keys.key().await.unwrap();
    advance(secs(95)).await;
    // It is refreshed while the request is in flight, and changes then.
    assert_eq!(keys.key().await.unwrap().text, "first");
    *vault.text.lock().unwrap() = "second";
    advance(secs(1)).await;
    assert!(keys.has_another(&sent).await.unwrap());
    assert_eq!(vault.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn same_key_on_its_way_at_refusal_is_asked_again() {
    for (text, another) in [("second", true), ("first", false)] {
        let (vault, keys) = vault();
        let sent = keys.key().await.unwrap();
        advance(secs(95)).await;
        let refused = async {
            sleep(Duration::from_millis(500)).await;
            *vault.text.lock().unwrap() = text;
            keys.has_another(&sent).await.unwrap()
        };
        let (refreshed, has_another) = tokio::join!(keys.key(), refused);
        assert_eq!((&*refreshed.unwrap().text, has_another), ("first", another));
        // Once more, whatever comes.
        assert_eq!(vault.asked.load(Ordering::SeqCst), 3, "{text}");
    }
}
