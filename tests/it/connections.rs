//! Connections are kept, broken off and given up as a watch needs them, and each poll is one request, well formed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, StatusEvent, TaskId};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use crate::support::raw_server::{Answer, RawServer, done, generating, head};

const SHORT: Duration = Duration::from_millis(10);

fn client(url: String) -> Client {
    Client::builder("test-key").base_url(url).schedule(Schedule::every(SHORT)).build().unwrap()
}

/// The events of a whole watch, each as the kind of its error or its name.
async fn story(client: &Client) -> Vec<String> {
    let name = |event| match event {
        StatusEvent::Generating(_) => "generating".to_owned(),
        StatusEvent::PollFailed(failure) => format!("{:?}", failure.error.kind()),
        StatusEvent::Done(_) => "done".to_owned(),
        other => format!("{other:?}"),
    };
    client.watch("x").map(name).collect().await
}

#[tokio::test]
async fn one_connection_serves_all_clones() {
    let server = RawServer::start(|number, _| Answer::Page(if number % 3 == 2 { done() } else { generating() })).await;
    let client = client(server.url());
    for _ in 0..2 {
        assert_eq!(story(&client.clone()).await, ["generating", "generating", "done"]);
    }
    let other = client.with_schedule(Schedule::every(SHORT * 2)).unwrap();
    assert_eq!(story(&other).await, ["generating", "generating", "done"]);
    assert_eq!((server.connections(), server.asked().len()), (1, 9));
}

#[tokio::test]
async fn each_request_asks_for_a_fresh_answer() {
    let server = RawServer::start(|number, _| Answer::Page(if number == 2 { done() } else { generating() })).await;
    assert_eq!(story(&client(server.url())).await.len(), 3);
    for asked in server.asked() {
        let lines: Vec<_> = asked.head.lines().filter(|line| line.starts_with("cache-control:")).collect();
        assert_eq!(lines, ["cache-control: no-cache"], "{}", asked.head);
    }
}

#[tokio::test]
async fn kept_connection_closed_in_use_fails_no_poll() {
    let server = RawServer::start(|number, _| match number {
        0 => Answer::Page(generating()),
        1 => Answer::Close,
        _ => Answer::Page(done()),
    })
    .await;
    assert_eq!(story(&client(server.url())).await, ["generating", "done"]);
    let connections: Vec<_> = server.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn broken_request_is_repeated_once_per_answer() {
    let server = RawServer::start(|number, _| match number {
        0 => Answer::Page(generating()),
        1 | 2 => Answer::Close,
        _ => Answer::Page(done()),
    })
    .await;
    assert_eq!(story(&client(server.url())).await, ["generating", "Transport", "done"]);
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn first_connection_closed_in_use_fails_the_poll() {
    let server = RawServer::start(|number, _| if number == 0 { Answer::Close } else { Answer::Page(done()) }).await;
    assert_eq!(story(&client(server.url())).await, ["Transport", "done"]);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn connection_closed_between_polls_is_reopened() {
    let server = RawServer::start(|number, _| match number {
        0 | 1 => Answer::LastPage(generating()),
        _ => Answer::Page(done()),
    })
    .await;
    assert_eq!(story(&client(server.url())).await, ["generating", "generating", "done"]);
    assert_eq!((server.connections(), server.asked().len()), (3, 3));
}

#[tokio::test]
async fn truncated_answer_is_survived() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"code\":200,\"dat".to_owned();
    for broken in [done()[..done().len() - 5].to_owned(), chunked, "HTTP/1.1 200 OK\r\n\r\n{\"co".to_owned()] {
        let server = RawServer::start(move |number, _| match number {
            0 => Answer::LastPage(broken.clone()),
            _ => Answer::Page(done()),
        })
        .await;
        assert_eq!(story(&client(server.url())).await, ["Decode", "done"]);
    }
}

#[tokio::test]
async fn non_http_answer_is_survived() {
    for garbage in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 999999 ?\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "\0"]
    {
        let server = RawServer::start(move |number, _| match number {
            0 => Answer::LastPage(garbage.to_owned()),
            _ => Answer::Page(done()),
        })
        .await;
        assert_eq!(story(&client(server.url())).await, ["Transport", "done"], "{garbage:?}");
    }
}

#[tokio::test]
async fn refused_connection_is_retried_until_port_opens() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut watch = client(format!("http://{address}")).watch("x");
    for consecutive in 1..=3 {
        let event = watch.next().await.unwrap();
        let StatusEvent::PollFailed(failure) = &event else { panic!("{event:?}") };
        assert_eq!((failure.error.kind(), failure.consecutive), (ErrorKind::Transport, consecutive));
        assert!(failure.error.is_transient() && failure.error.http_status().is_none());
    }
    let server = RawServer::on(socket.listen(8).unwrap(), |_, _| Answer::Page(done()));
    watch.wait_until_done().await.unwrap();
    assert_eq!(server.asked().len(), 1);
}

/// Answers the first request with an endless body, or one of the length in its head, and the second with a record.
/// Returns the URL, and the number of body bytes it could write.
async fn flood(flood_head: &'static str, chunked: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await.unwrap();
        stream.write_all(flood_head.as_bytes()).await.unwrap();
        let piece = vec![b' '; 64 * 1024];
        let mut whole = if chunked { b"10000\r\n".to_vec() } else { Vec::new() };
        whole.extend(&piece);
        whole.extend(if chunked { &b"\r\n"[..] } else { b"" });
        while stream.write_all(&whole).await.is_ok() {
            count.fetch_add(piece.len(), Ordering::SeqCst);
            // Gives the client time to read: the sockets' own buffers would take megabytes more.
            sleep(Duration::from_millis(2)).await;
        }
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await.unwrap();
        stream.write_all(done().as_bytes()).await.unwrap();
    });
    (url, written)
}

#[tokio::test]
async fn oversized_body_is_read_to_about_1_mib() {
    const MIB: usize = 1024 * 1024;
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n", false, 0),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", true, MIB),
        ("HTTP/1.1 200 OK\r\n\r\n", false, MIB),
    ];
    for (flood_head, chunked, at_least) in cases {
        let (url, written) = flood(flood_head, chunked).await;
        let mut watch = client(url).watch("x");
        let first = watch.next().await.unwrap();
        let StatusEvent::PollFailed(failure) = &first else { panic!("{first:?}") };
        assert_eq!(failure.error.kind(), ErrorKind::Decode);
        assert!(failure.error.to_string().contains("over 1 MiB"), "{}", failure.error);
        watch.wait_until_done().await.unwrap();
        let written = written.load(Ordering::SeqCst);
        assert!((at_least..2 * MIB).contains(&written), "{flood_head:?}: {written} bytes");
    }
}

#[tokio::test]
async fn watch_under_short_timeouts_sends_no_extra_request() {
    let simulator = Simulator::new();
    simulator.latency(Duration::from_millis(60));
    let server = simulator.serve().await.unwrap();
    let id = simulator.add(SimulatedTask::new().generates_for(Duration::ZERO));
    simulator.inject(Fault::status(502).times(3));
    let mut watch = client(server.url()).watch(id);
    let (mut events, mut timeouts) = (0, 0);
    loop {
        match timeout(SHORT, watch.next()).await {
            Ok(Some(_)) => events += 1,
            Ok(None) => break,
            Err(_) => timeouts += 1,
        }
    }
    assert_eq!((events, simulator.requests().len()), (4, 4));
    assert_ne!(timeouts, 0);
}

#[tokio::test]
async fn dropped_watch_aborts_its_request_and_sends_none() {
    let server = RawServer::start(|_, _| Answer::Silence).await;
    let client = client(server.url());
    let mut watch = client.watch("x");
    tokio::select! {
        event = watch.next() => panic!("{event:?}"),
        () = server.came.notified() => {}
    }
    drop(watch);
    server.left.notified().await;
    // The same for a wait.
    tokio::select! {
        end = client.wait_until_done("x") => panic!("{end:?}"),
        () = server.came.notified() => {}
    }
    server.left.notified().await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!((server.connections(), server.asked().len()), (2, 2));
}

#[tokio::test]
async fn no_request_before_first_poll_or_after_end() {
    let server = RawServer::start(|_, _| Answer::Page(done())).await;
    let client = client(server.url());
    let mut watch = client.watch("x");
    drop(client.watch("y"));
    sleep(SHORT * 3).await;
    assert_eq!(server.connections(), 0);
    assert!(watch.next().await.unwrap().is_terminal());
    for _ in 0..3 {
        assert!(watch.next().await.is_none());
        sleep(SHORT * 2).await;
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn id_with_odd_characters_arrives_unchanged() {
    let simulator = Simulator::new();
    let server = simulator.serve().await.unwrap();
    let client = client(server.url());
    let ascii: String = ('!'..='~').collect();
    let odd = "&taskId=y,a=b#c,100%,%41,../../x,/,?,a b,a+b,ü 😀,\",',.,..".split(',');
    for id in odd.chain([&*ascii]) {
        simulator.add_as(id, SimulatedTask::new());
        let task = client.status(id).await.unwrap();
        assert_eq!(task.id().as_str(), id);
        assert_eq!(simulator.requests().last().unwrap().task_id, TaskId::from(id));
    }
}

#[tokio::test]
async fn request_is_the_documented_one_under_base_path() {
    let server = RawServer::start(|_, _| Answer::Page(generating())).await;
    for prefix in ["", "/", "/a/b", "/a/b/"] {
        client(format!("{}{prefix}", server.url())).status("&=#%/ ?+ü\"-._~Z9").await.unwrap();
        let head = &server.asked().last().unwrap().head.clone();
        let query = "taskId=%26%3D%23%25%2F%20%3F%2B%C3%BC%22-._%7EZ9";
        let line = format!("GET {}/api/v1/modify/record-info?{query} HTTP/1.1\r\n", prefix.trim_end_matches('/'));
        assert!(head.starts_with(&line), "{head}");
        assert_eq!(head.to_ascii_lowercase().matches("authorization: bearer test-key\r\n").count(), 1, "{head}");
    }
}
