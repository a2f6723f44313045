//! The API key is not sent along a redirect to another origin, and no redirect ends a watch.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::{Client, ClientBuilder, ErrorKind, Schedule, Status, StatusEvent};

use crate::support::raw_server::{Answer, RawServer, done};

const KEY: &str = "sk-5up3rs3cr3t";

fn client(server: &RawServer) -> ClientBuilder {
    Client::builder(KEY).base_url(server.url()).schedule(Schedule::every(Duration::from_millis(10)))
}

fn redirect(status: u16, location: &str) -> Answer {
    Answer::Page(format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

fn carries_key(head: &str) -> bool {
    head.contains(KEY)
}

#[tokio::test]
async fn redirect_to_other_origin_is_a_failed_poll() {
    let elsewhere = RawServer::start(|_, _| Answer::Page(done())).await;
    for status in [301, 302, 303, 307, 308] {
        // Another port, another name of the same host, another scheme.
        for place in
            [elsewhere.url(), format!("http://localhost:{}", elsewhere.address.port()), "https://127.0.0.1".into()]
        {
            let location = format!("{place}/api/v1/modify/record-info?taskId=x");
            let home = RawServer::start(move |number, _| match number {
                0 => redirect(status, &location),
                _ => Answer::Page(done()),
            })
            .await;
            let events: Vec<_> = client(&home).build().unwrap().watch("x").collect().await;
            let [StatusEvent::PollFailed(failure), StatusEvent::Done(_)] = &events[..] else { panic!("{events:?}") };
            assert_eq!(failure.error.kind(), ErrorKind::Server);
            assert_eq!(failure.error.http_status(), Some(status));
            assert!(failure.error.to_string().contains("a redirect that is not followed"), "{}", failure.error);
            assert!(!format!("{:?}", failure.error).contains(&place), "{:?}", failure.error);
            assert_eq!(home.asked().len(), 2);
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn redirect_to_other_host_name_is_not_followed() {
    let home = RawServer::start(|number, head| {
        let port = head.split("host: 127.0.0.1:").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default();
        if number == 0 { redirect(302, &format!("http://localhost:{port}/elsewhere")) } else { Answer::Page(done()) }
    })
    .await;
    let events: Vec<_> = client(&home).build().unwrap().watch("x").collect().await;
    assert!(matches!(&events[..], [StatusEvent::PollFailed(_), StatusEvent::Done(_)]), "{events:?}");
    assert!(home.asked().iter().all(|asked| !asked.head.contains("/elsewhere")), "{:?}", home.asked());
}

#[tokio::test]
async fn redirect_within_origin_is_followed_with_key() {
    let home = RawServer::start(|number, _| match number {
        0 => redirect(308, "/v2/record-info?taskId=x"),
        _ => Answer::Page(done()),
    })
    .await;
    let task = client(&home).build().unwrap().wait_until_done("x").await.unwrap();
    assert_eq!(task.status(), Status::Success);
    let asked = home.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].head.starts_with("GET /v2/record-info?taskId=x HTTP/1.1\r\n"), "{}", asked[1].head);
    assert!(asked.iter().all(|asked| carries_key(&asked.head)), "{asked:?}");
}

#[tokio::test]
async fn redirect_loop_is_a_failed_poll() {
    const MOST: usize = 10;
    let home = RawServer::start(|number, _| match number {
        0..MOST => redirect(307, "/api/v1/modify/record-info?taskId=x"),
        _ => Answer::Page(done()),
    })
    .await;
    let mut watch = client(&home).build().unwrap().watch("x");
    let first = watch.next().await.unwrap();
    assert!(
        matches!(&first, StatusEvent::PollFailed(failure) if failure.error.kind() == ErrorKind::Server),
        "{first:?}"
    );
    assert!(home.asked().len() < MOST, "{}", home.asked().len());
    assert_eq!(watch.wait_until_done().await.unwrap().status(), Status::Success);
}

#[tokio::test]
async fn custom_client_follows_redirect_without_key() {
    let elsewhere = RawServer::start(|_, _| Answer::Page(done())).await;
    let location = format!("{}/there", elsewhere.url());
    let home = RawServer::start(move |_, _| redirect(302, &location)).await;
    let own = reqwest::Client::builder().no_proxy().build().unwrap();
    let task = client(&home).http_client(own).build().unwrap().wait_until_done("x").await.unwrap();
    assert_eq!(task.status(), Status::Success);
    assert!(carries_key(&home.asked()[0].head));
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 1);
    assert!(!carries_key(&asked[0].head) && !asked[0].head.contains("authorization"), "{}", asked[0].head);
}
