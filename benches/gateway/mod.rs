//! A gateway that costs nothing to ask: one fixed record over HTTP/1.1 on loopback, in a process of its own.
#![allow(clippy::indexing_slicing)] // lengths come from the reads themselves

mod record;

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

const ROLE: &str = "LUMA_WATCH_BENCH_ROLE";

/// The gateway's process. It ends when this is dropped.
pub(crate) struct Gateway {
    process: Child,
    url: String,
}

impl Gateway {
    /// Starts this very program again, as the gateway: its `main` must begin with [`serve_if_asked_to`].
    pub(crate) fn start() -> Self {
        let program = env::current_exe().unwrap();
        let mut process = Command::new(program)
            .env(ROLE, "gateway")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the gateway's process starts");
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// Whether this process was the gateway; then it has nothing more to do.
pub(crate) fn serve_if_asked_to() -> bool {
    if env::var_os(ROLE).is_none() {
        return false;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    true
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        request.extend(piece.iter().take(length));
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let id = std::str::from_utf8(&request).unwrap().split(['=', ' ']).nth(2).expect("GET PATH?taskId=ID");
        let record = record::of(id);
        let length = record.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        if stream.write_all((head + &record).as_bytes()).is_err() {
            return;
        }
        request.clear();
    }
}
