//! No text that leaves the crate holds the API key, even if the gateway repeats it. No error, and no log line above
//! debug, holds the URL of a result.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ClientBuilder, Error, ErrorKind, Schedule, StatusEvent};
use serde_json::json;
use tokio::net::TcpListener;

use crate::raw_server::{Answer, RawServer, done, generating, record};
use crate::subscriber::{install, log};

/// Part of every key here.
const MARK: &str = "s3cr3t";
const KEYS: [&str; 2] = ["sk-s3cr3t-0123456789", r#"s3cr3t"with\all%20<signs>"#];

const INTERVAL: Duration = Duration::from_millis(10);

fn client(key: &str, url: String) -> ClientBuilder {
    install();
    Client::builder(key).base_url(url).schedule(Schedule::every(INTERVAL))
}

/// A client that gives up soon, for a gateway whose answers end no watch.
fn impatient_client(key: &str, url: String) -> ClientBuilder {
    client(key, url).schedule(Schedule::every(INTERVAL).max_wait(INTERVAL * 5))
}

/// Asserts that the log lines of this task, and those of no task, hold no key, and above debug no result's URL.
fn assert_log_is_clean(of_task: &str) {
    let log = log();
    assert!(log.contains("luma.watch") && log.contains(&format!("task_id={of_task}")), "nothing was logged: {log}");
    let open = |line: &&str| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level));
    let of_this = |line: &&str| line.contains(&format!("task_id={of_task}")) || !line.contains("task_id=");
    for line in log.lines().filter(of_this) {
        assert!(!line.contains(MARK), "{line}");
        assert!(!open(&line) || !line.contains("files.example.com"), "{line}");
    }
}

/// An error in every form in which it can be printed.
fn all_of(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    let causes: Vec<_> = causes.map(|cause| format!("{cause} {cause:?}")).collect();
    format!("{error} {error:#} {error:?} {error:#?}\n{}\n{}", serde_json::to_string(error).unwrap(), causes.concat())
}

fn all_of_event(event: &StatusEvent) -> String {
    let error = match event {
        StatusEvent::PollFailed(failure) => all_of(&failure.error),
        StatusEvent::GaveUp(error) => all_of(error),
        _ => String::new(),
    };
    format!("{event:?} {event:#?}\n{}\n{error}", serde_json::to_string(event).unwrap())
}

#[tokio::test]
async fn no_printed_value_holds_the_key() {
    for key in KEYS {
        let simulator = Simulator::new();
        simulator.api_key(key);
        let server = simulator.serve().await.unwrap();
        simulator.add_as("printed", SimulatedTask::new().generates_for(Duration::from_millis(20)));
        simulator.inject(Fault::status(502).after(1));
        let builder = client(key, server.url());
        let mut texts = vec![format!("{builder:#?}")];
        let client = builder.build().unwrap();
        let mut watch = client.watch("printed");
        texts.push(format!("{client:#?} {watch:#?} {simulator:#?} {server:#?}"));
        while let Some(event) = watch.next().await {
            texts.extend([all_of_event(&event), format!("{watch:?}")]);
        }
        texts.push(format!("{:#?} {:?}", watch.wait_until_done().await.unwrap(), simulator.requests()));
        for text in texts {
            assert!(!text.contains(MARK), "{text}");
        }
    }
    assert_log_is_clean("printed");
}

#[test]
fn refused_setting_is_not_repeated_in_error() {
    let errors = [
        Client::new(format!("{MARK} {MARK}")).unwrap_err(),
        Client::new(format!("{MARK}\n")).unwrap_err(),
        Client::builder("key").base_url(format!("https://{MARK}:{MARK}@host")).build().unwrap_err(),
        Client::builder("key").base_url(format!("https://host?{MARK}#{MARK}")).build().unwrap_err(),
        Client::builder("key").base_url(format!("https://[{MARK}@host")).build().unwrap_err(),
        Client::builder("key").base_url(format!("http://{MARK}@example.com/{MARK}")).build().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!all_of(&error).contains(MARK), "{error:?}");
    }
}

fn page(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// Answers in which the gateway repeats the key wherever it can.
fn echoes(key: &str) -> Vec<String> {
    let json = |value: serde_json::Value| page(200, "", &value.to_string());
    let mut echoes: Vec<_> = [400, 401, 422, 429, 455, 500, 777]
        .iter()
        .map(|code| json(json!({"code": code, "msg": format!("Bearer {key} is not valid, {key}!")})))
        .collect();
    // A long text may be cut within the key.
    let long = [280, 290, 294].map(|filled| json(json!({"code": 429, "msg": format!("{}{key}", "-".repeat(filled))})));
    echoes.extend(long);
    echoes.extend([200, 403, 429, 502].map(|status| page(status, "", &format!("<html><p>{key}</p></html>"))));
    echoes.extend([
        page(429, &format!("retry-after: {key}\r\nx-key: {key}\r\n"), ""),
        page(302, &format!("location: http://127.0.0.1:1/?key={key}\r\n"), ""),
        format!("HTTP/1.1 500 {key}\r\ncontent-length: 0\r\n\r\n"),
        format!("HTTP/9.9 {key}\r\n\r\n"),
        page(200, "", &json!(key).to_string()),
        json(json!({"code": key})),
        json(json!({"data": key})),
        json(json!({"data": {"taskId": key}})),
        json(json!({"data": {"taskId": format!("{}{key}", "-".repeat(290))}})),
        json(json!({"data": {"successFlag": key}})),
        json(json!({"data": {"successFlag": {key: key}}})),
        json(json!({"data": {"successFlag": 0, key: key, "echo": [{key: key}], "response": {key: key}}})),
        json(json!({"data": {"successFlag": 3, "failMsg": key}})),
        json(json!({"data": {"response": key}})),
        json(json!({"data": {"response": {"resultUrls": [[key]]}}})),
    ]);
    echoes
}

#[tokio::test]
async fn key_repeated_by_gateway_is_removed() {
    let mut leaks = Vec::new();
    for key in KEYS {
        let said = Arc::new(Mutex::new(String::new()));
        let next = Arc::clone(&said);
        let server = RawServer::start(move |_, _| Answer::LastPage(next.lock().unwrap().clone())).await;
        let client = impatient_client(key, server.url()).build().unwrap();
        for echo in echoes(key) {
            said.lock().unwrap().clone_from(&echo);
            let mut texts: Vec<_> = client.watch("repeated").map(|event| all_of_event(&event)).collect().await;
            texts.push(match client.status("repeated").await {
                Ok(task) => format!("{task:?} {}", json!(task)),
                Err(error) => all_of(&error),
            });
            let mut around = texts.iter().filter_map(|text| text.split_once(MARK));
            leaks.extend(around.next().map(|(before, _)| format!("{echo}\n -> {before}")));
        }
        assert!(server.asked().iter().all(|asked| asked.head.contains(key)));
    }
    assert!(leaks.is_empty(), "{} leaks: {}", leaks.len(), leaks.join("\n\n").replace("----------", ""));
    assert_log_is_clean("repeated");
}

#[tokio::test]
async fn no_error_prints_url_with_query() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut urls = vec![refused];
    if cfg!(any(feature = "rustls", feature = "native-tls")) {
        urls.push("https://name.invalid".to_owned());
    }
    let broken = done()[..done().len() - 9].to_owned();
    let elsewhere = page(302, "location: https://files.example.com/v.mp4?sign=1\r\n", "");
    let mut servers = Vec::new();
    for answer in [broken, elsewhere, page(404, "", ""), "garbage\r\n\r\n".to_owned()] {
        servers.push(RawServer::start(move |_, _| Answer::LastPage(answer.clone())).await);
    }
    servers.push(RawServer::start(|_, _| Answer::Close).await);
    servers.push(RawServer::start(|_, _| Answer::Silence).await);
    urls.extend(servers.iter().map(RawServer::url));
    for url in urls {
        let client = impatient_client("key", url.clone()).request_timeout(Duration::from_millis(300)).build().unwrap();
        let error = client.status("asked").await.unwrap_err();
        let end = client.wait_until_done("asked").await.unwrap_err();
        for text in [all_of(&error), all_of(&end)] {
            assert!(!text.contains("taskId=") && !text.contains("sign=") && !text.contains("record-info"), "{text}");
        }
    }
    assert_log_is_clean("asked");
}

#[tokio::test]
async fn result_url_is_logged_at_debug_at_most() {
    let odd = record(r#""successFlag":1,"response":{"resultUrls":[{"url":"https://files.example.com/v.mp4?sign=1"}]}"#);
    let server = RawServer::start(move |number, _| {
        Answer::Page(match number {
            0 => generating(),
            1 => odd.clone(),
            _ => done(),
        })
    })
    .await;
    let task = client("key", server.url()).build().unwrap().wait_until_done("result").await.unwrap();
    assert!(task.result_urls()[0].contains("files.example.com"));
    assert_log_is_clean("result");
}
