//! One client serves several runtimes: at once, in turn, and with a new one for each call.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::future::join_all;
use luma_watch::Client;
use tokio::runtime::{Builder, Runtime};

use crate::support::raw_server::{Answer, RawServer, generating};

/// A gateway in a thread of its own, which is driven whichever runtime of the test rests.
fn gateway() -> RawServer {
    let (started, server) = mpsc::channel();
    thread::spawn(move || {
        current_thread().block_on(async {
            started.send(RawServer::start(|_, _| Answer::Page(generating())).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    server.recv().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn client(gateway: &RawServer) -> Client {
    // A request over a connection that nobody drives waits until its timeout.
    Client::builder("test-key").base_url(gateway.url()).request_timeout(Duration::from_secs(1)).build().unwrap()
}

#[test]
fn runtimes_in_turn_keep_a_connection_each() {
    for number in [2, 4, 16] {
        let gateway = gateway();
        let client = client(&gateway);
        let runtimes: Vec<_> = (0..number).map(|_| current_thread()).collect();
        for _ in 0..10 {
            for runtime in &runtimes {
                runtime.block_on(client.status("x")).unwrap();
            }
        }
        assert_eq!((gateway.asked().len(), gateway.connections()), (10 * number, number));
    }
}

#[test]
fn runtimes_beyond_the_bound_open_new_connections() {
    let gateway = gateway();
    let client = client(&gateway);
    let runtimes: Vec<_> = (0..20).map(|_| current_thread()).collect();
    for _ in 0..2 {
        for runtime in &runtimes {
            runtime.block_on(client.status("x")).unwrap();
        }
    }
    assert_eq!((gateway.asked().len(), gateway.connections()), (40, 40));
}

#[test]
fn runtime_per_call_fails_no_call() {
    let gateway = gateway();
    let client = client(&gateway);
    let lasting = current_thread();
    for _ in 0..20 {
        current_thread().block_on(client.status("x")).unwrap();
        lasting.block_on(client.status("x")).unwrap();
    }
    // The one that lasts keeps its connection.
    assert_eq!((gateway.asked().len(), gateway.connections()), (40, 21));
}

#[test]
fn runtimes_at_once_fail_no_call() {
    let gateway = gateway();
    let client = client(&gateway);
    let runtimes: Vec<_> =
        (0..2).map(|_| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()).collect();
    let threads = runtimes.into_iter().map(|runtime| {
        let client = client.clone();
        thread::spawn(move || {
            for _ in 0..10 {
                let calls = (0..8).map(|_| {
                    let client = client.clone();
                    runtime.spawn(async move { client.status("x").await })
                });
                for result in runtime.block_on(join_all(calls)) {
                    result.unwrap().unwrap();
                }
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    assert_eq!(gateway.asked().len(), 160);
}

#[test]
fn client_made_in_one_runtime_serves_another() {
    let gateway = gateway();
    let made = current_thread().block_on(async { client(&gateway) });
    for _ in 0..3 {
        current_thread().block_on(made.status("x")).unwrap();
    }
    assert_eq!((gateway.asked().len(), gateway.connections()), (3, 3));
}

/// Only an HTTP client of the user's own is shared by runtimes.
#[test]
fn runtime_dropped_under_request_fails_no_call() {
    let (started, server) = mpsc::channel();
    let (came, second) = mpsc::channel();
    thread::spawn(move || {
        current_thread().block_on(async {
            // The second request comes over the connection of the first, and is not answered.
            let script = move |number, _: &str| {
                if number != 1 {
                    return Answer::Page(generating());
                }
                came.send(()).unwrap();
                Answer::Silence
            };
            started.send(RawServer::start(script).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let gateway: RawServer = server.recv().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = Client::builder("test-key").base_url(gateway.url()).http_client(http).build().unwrap();
    let ends = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    ends.block_on(client.status("x")).unwrap();
    let call = thread::spawn(move || current_thread().block_on(client.status("x")));
    second.recv().unwrap();
    ends.shutdown_background();
    call.join().unwrap().unwrap();
    let connections: Vec<_> = gateway.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}
