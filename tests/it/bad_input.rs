//! Every setting that makes no sense is a clear error that names it, never a panic and never a request.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, ClientBuilder, Error, ErrorKind, Schedule, StatusEvent};

use crate::support::child::{Child, is_child, report};

pub(crate) const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

/// Asserts that the outcome is an error about a setting, whose text has these words.
pub(crate) fn assert_refused<T>(what: &str, outcome: Result<T, Error>, words: &[&str]) {
    let Err(error) = outcome else { panic!("{what:?} is accepted") };
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Config, false), "{what:?}: {error}");
    let text = error.to_string();
    assert!(text.starts_with("bad setting: "), "{what:?}: {text}");
    assert!(words.iter().all(|word| text.contains(word)), "{what:?}: {text}, without {words:?}");
}

/// A client of a gateway on this machine, which needs no TLS.
fn local(key: &str) -> ClientBuilder {
    Client::builder(key).base_url("http://localhost")
}

#[test]
fn malformed_api_key_is_refused() {
    let simulator = Simulator::new();
    let cases = [
        ("", "is empty"),
        (" ", "is empty"),
        ("\t\r\n", "is empty"),
        ("k3y with spaces", "character 4 of the API key is a space"),
        (" k3y", "character 1"),
        ("k3y\n", "character 4 of the API key is a line break"),
        ("k\0y", "character 2 of the API key is a control character"),
        ("k3y\r\nHost: evil", "character 4"),
        ("k\ty", "character 2 of the API key is a tab"),
        ("k\u{7f}", "character 2"),
        ("ключ", "character 1 of the API key is not ASCII"),
        ("k3y\u{a0}", "character 4"),
        ("k3y\u{feff}", "character 4"),
        ("\"sk-k3y\"", "in quotes: give it without them"),
        ("'sk-k3y'", "in quotes"),
        ("`sk-k3y`", "in quotes"),
        ("“sk-k3y”", "in quotes"),
        ("„sk-k3y“", "in quotes"),
        ("‘sk-k3y’", "in quotes"),
        ("«sk-k3y»", "in quotes"),
        ("sk-k3y\"", "in quotes"),
        ("\"sk-k3y\"\n", "in quotes"),
        ("Bearer sk-k3y", "begins with the word Bearer: give the key alone"),
        ("bearer  sk-k3y", "begins with the word Bearer"),
        ("BEARER\tsk-k3y", "begins with the word Bearer"),
        ("Authorization: Bearer sk-k3y", "is a whole Authorization header"),
        ("authorization:sk-k3y", "is a whole Authorization header"),
        ("APIKLEY_API_KEY=sk-k3y", "begins with the name of its variable"),
        ("APIKLEY_API_KEY = sk-k3y", "begins with the name of its variable"),
        ("export APIKLEY_API_KEY=sk-k3y", "begins with the name of its variable"),
        ("$APIKLEY_API_KEY", "is the name of a variable"),
        ("${APIKLEY_API_KEY}", "is the name of a variable"),
        ("${APIKLEY_API_KEY:-sk-k3y}", "is the name of a variable"),
        ("%APIKLEY_API_KEY%", "is the name of a variable"),
    ];
    for (key, words) in cases {
        assert_refused(key, Client::new(key), &["API key", words]);
        assert_refused(key, Client::builder(key).simulator(&simulator).build(), &["API key", words]);
        // The text may be a real key with a typing error: the error does not repeat it.
        let error = Client::new(key).unwrap_err();
        assert!(key.trim().is_empty() || !format!("{error:?}").contains(key), "{error:?}");
        assert!(!format!("{error:?}").contains("k3y"), "{error:?}");
    }
    for key in ["c2stazN5==", "sk=k3y", "KEY=k3y", "BearerOfNews", "k\"3\"y", "exported", "$k3y", "%k3y%"] {
        local(key).build().unwrap();
    }
    local("!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~").build().unwrap();
}

#[test]
fn bad_schedule_is_refused_wherever_it_is_given() {
    let second = Duration::from_secs(1);
    let every = || Schedule::every(second);
    let growing = || Schedule::exponential(second, second * 60);
    let cases = [
        (Schedule::every(Duration::ZERO), "interval is zero"),
        (Schedule::every(Duration::MAX), "interval is over ten years"),
        (Schedule::exponential(Duration::ZERO, second), "initial interval is zero"),
        (Schedule::exponential(second, Duration::ZERO), "max_interval"),
        (Schedule::exponential(second * 2, second), "max_interval (1s) is below"),
        (Schedule::exponential(second, Duration::MAX), "max_interval is over ten years"),
        (every().multiplier(2.0), "multiplier"),
        (growing().multiplier(0.99), "multiplier is 0.99"),
        (growing().multiplier(-1.0), "multiplier is -1"),
        (growing().multiplier(f64::NAN), "multiplier is NaN"),
        (growing().multiplier(f64::INFINITY), "multiplier is inf"),
        (every().jitter(f64::NAN), "jitter is NaN"),
        (every().jitter(-0.1), "jitter is -0.1"),
        (every().jitter(1.1), "jitter is 1.1"),
        (growing().jitter(f64::NEG_INFINITY), "jitter is -inf"),
        (every().first_poll_after(Duration::MAX), "first_poll_after is over ten years"),
        (every().max_wait(Duration::MAX), "max_wait"),
    ];
    let client = local("key").build().unwrap();
    for (schedule, words) in cases {
        assert_refused(words, schedule.validate(), &[words]);
        assert_refused(words, client.with_schedule(schedule.clone()), &[words]);
        assert_refused(words, Client::builder("key").schedule(schedule.clone()).build(), &[words]);
        assert_eq!(schedule.preview().count(), 0, "{words}");
    }
    for schedule in
        [every().jitter(1.0), every().max_wait(Duration::ZERO), growing().multiplier(1.0), growing().multiplier(1e300)]
    {
        schedule.validate().unwrap();
    }
}

#[test]
fn simulator_beside_another_gateway_is_refused() {
    let simulator = Simulator::new();
    let builder = || Client::builder("test-key").simulator(&simulator);
    let words = ["simulator", "base_url", "http_client", "leave them out"];
    assert_refused("base_url", builder().base_url("http://127.0.0.1:1").build(), &words);
    assert_refused("http_client", builder().http_client(reqwest::Client::new()).build(), &words);
    builder().build().unwrap();
}

#[test]
fn timeout_of_zero_is_refused() {
    let simulator = Simulator::new();
    let builder = Client::builder("test-key").simulator(&simulator);
    assert_refused("zero", builder.request_timeout(Duration::ZERO).build(), &["request timeout is zero"]);
}

#[tokio::test(start_paused = true)]
async fn empty_task_id_fails_without_a_request() {
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    for id in ["", " ", "\n\t"] {
        let events: Vec<_> = client.watch(id).collect().await;
        let [StatusEvent::GaveUp(event)] = events.as_slice() else { panic!("{events:?}") };
        let waited = client.wait_until_done(id).await.unwrap_err();
        let asked = client.status(id).await.unwrap_err();
        for error in [event, &waited, &asked] {
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::InvalidRequest, false));
            assert_eq!(error.to_string(), "no request was sent: the task id is empty");
        }
    }
    assert_eq!(simulator.requests(), []);
}

#[tokio::test(start_paused = true)]
async fn task_id_with_stray_characters_fails_without_a_request() {
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let cases = [
        (" x", "has blanks or line ends around it: give it without them"),
        ("x ", "has blanks or line ends around it: give it without them"),
        ("774d9a7d\n", "has blanks or line ends around it: give it without them"),
        ("774d9a7d\r\n", "has blanks or line ends around it: give it without them"),
        ("\tx\u{a0}", "has blanks or line ends around it: give it without them"),
        ("a\nb", "holds a control character: give it without that"),
        ("a\0b", "holds a control character: give it without that"),
        ("a\u{7f}", "holds a control character: give it without that"),
        ("a\u{1b}[31m", "holds a control character: give it without that"),
        ("\u{feff}774d9a7d", "holds an invisible character: give it without that"),
        ("774d\u{200b}9a7d", "holds an invisible character: give it without that"),
        ("\"774d9a7d\"", "is in quotes: give it without them"),
        ("'774d9a7d'", "is in quotes"),
        ("“774d9a7d”", "is in quotes"),
        ("\"\"", "is in quotes"),
    ];
    for (id, why) in cases {
        let last = |events: Vec<StatusEvent>| match events.as_slice() {
            [StatusEvent::GaveUp(error)] => error.clone(),
            _ => panic!("{events:?}"),
        };
        let errors = [
            client.status(id).await.unwrap_err(),
            client.wait_until_done(id).await.unwrap_err(),
            last(client.watch(id).collect().await),
            last(client.watch_all([id]).map(|(_, event)| event).collect().await),
            client.watch(id).shared().wait_until_done().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::InvalidRequest, false), "{id:?}");
            let text = error.to_string();
            assert!(text.contains(why) && !text.contains('\n'), "{id:?}: {error}");
            assert!(text.contains(": no request was sent: the task id "), "{id:?}: {error}");
        }
    }
    assert_eq!(simulator.requests(), []);
    simulator.add_as("a b-é_Ж", SimulatedTask::new());
    client.wait_until_done("a b-é_Ж").await.unwrap();
}

/// What a process with these variables makes of `from_env`: the error's text, or "ok".
fn from_env_in_a_process_with(variables: &[(&str, &str)]) -> String {
    let child = Child::of("bad_input::client_from_env_reads_key_and_base_url");
    let child = child.unset("APIKLEY_API_KEY").unset("APIKLEY_BASE_URL");
    variables.iter().fold(child, |child, (name, value)| child.set(name, value)).run()
}

#[test]
fn client_from_env_reads_key_and_base_url() {
    if is_child() {
        return report(&Client::from_env().map_or_else(|error| error.to_string(), |_| "ok".to_owned()));
    }
    let key = ("APIKLEY_API_KEY", "key");
    let url = |url| ("APIKLEY_BASE_URL", url);
    let https = if HAS_TLS { "ok" } else { "https needs the feature" };
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "APIKLEY_API_KEY is not set"),
        (&[url("https://host")], "APIKLEY_API_KEY is not set"),
        (&[("APIKLEY_API_KEY", "")], "APIKLEY_API_KEY is not set"),
        (&[("APIKLEY_API_KEY", " ")], "API key is empty"),
        (&[("APIKLEY_API_KEY", "key\n")], "API key"),
        (&[key, url("host")], "base URL"),
        (&[key, url("http://host")], "plain http to host"),
        (&[key, url("")], https),
        (&[key, url("http://localhost:1")], "ok"),
        (&[key], https),
    ];
    for (variables, words) in cases {
        let outcome = from_env_in_a_process_with(variables);
        assert!(outcome.contains(words), "{variables:?}: {outcome}");
        assert_eq!(outcome == "ok", *words == "ok", "{variables:?}: {outcome}");
    }
}
