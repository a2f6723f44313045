//! A gateway that costs nothing to ask: one fixed record over HTTP/1.1 on loopback, in a process of its own.
#![allow(clippy::indexing_slicing)] // lengths come from the reads themselves

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Of a task under way, and as long as the gateway's records become: about 900 bytes.
const RECORD: &str = r#"{"code":200,"msg":"success","data":{"taskId":"{id}","paramJson":"{\"callBackUrl\":\"https://example.com/callback\",\"prompt\":\"A futuristic cityscape at night, neon signs reflected in the wet asphalt, slow dolly shot between the towers, cinematic light, light rain, a tram that crosses the frame from left to right, shallow depth of field, volumetric fog far away\",\"videoUrl\":\"https://example.com/video.mp4\",\"waterMark\":\"\"}","completeTime":null,"response":{"taskId":"{id}","originUrls":["https://tempfile.aiquickdraw.com/kieai/file/veo3-video/1755074605154fqb0m8ge.mp4"],"resultUrls":["https://tempfile.aiquickdraw.com/l/f782018c-6be4-4990-96ba-7231cd5a39e7.mp4"]},"successFlag":0,"createTime":1755078171000,"errorCode":null,"errorMessage":null,"fallbackFlag":false,"resolution":"1080p","model":"luma-modify","progress":"0.00"}}"#;

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
        let record = RECORD.replace("{id}", id);
        let length = record.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        if stream.write_all((head + &record).as_bytes()).is_err() {
            return;
        }
        request.clear();
    }
}
