//! A gateway over HTTP/1.1 on loopback. It answers each request with the same record.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::record;

const ROLE: &str = "LUMA_WATCH_BENCH_GATEWAY";

/// The gateway's process. It ends when this value is dropped.
pub struct Gateway {
    process: Child,
    url: String,
}

impl Gateway {
    /// Starts this program a second time, as the gateway. Its `main` must begin with `gateway::serve_if_asked_to`.
    pub fn start() -> Self {
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

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The process ends when its input ends.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// Serves if this process was started as this gateway, and returns whether it was.
pub(super) fn serve_if_asked_to() -> bool {
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
