//! What downloads hold in memory: bytes of heap asked for, counted by the allocator of this process, at their highest.
//!
//! The server runs in a thread of this process and sends the same piece again and again, so its heap does not grow.
#![cfg(feature = "download")]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::alloc::System;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use luma_watch::{Client, DownloadOptions, Task};
use serde_json::{from_value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FILE: usize = 32 * 1024 * 1024;
static PIECE: [u8; 64 * 1024] = [7; 64 * 1024];

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Gives a file of [`FILE`] bytes to each connection, and closes it.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        thread::spawn(|| answer(stream.unwrap()));
    }
}

/// The client may leave in the middle.
fn answer(mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::with_capacity(1024, stream.try_clone().ok()?).lines();
    while !lines.next()?.ok()?.is_empty() {}
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\netag: \"1\"\r\ncontent-length: {FILE}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    for _ in 0..FILE / PIECE.len() {
        stream.write_all(&PIECE).ok()?;
    }
    Some(())
}

/// The most bytes that were held while this many files came at once, above what was held before. The client is warm.
async fn peak(url: &str, files: usize) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::builder("test-key").base_url("http://127.0.0.1:9").build().unwrap();
    let urls: Vec<_> = (0..files).map(|number| format!("{url}/{number}.mp4")).collect();
    let task: Task = from_value(json!({ "id": "x", "status": "SUCCESS", "result_urls": urls })).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let before = held();
    // It reads the counters all the time: what is held for a moment only counts as well.
    let sampler = thread::spawn(move || {
        let mut highest = 0;
        while !stopped.load(Ordering::Relaxed) {
            highest = held().max(highest);
            thread::yield_now();
        }
        highest
    });
    let options = DownloadOptions::new().files_at_once(files);
    let kept = client.download(&task, dir.path()).options(options).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let highest = sampler.join().unwrap();
    assert!(kept.len() == files && kept.iter().all(|file| file.bytes == FILE as u64));
    highest - before
}

/// One test: the allocator counts for the whole process.
#[tokio::test]
async fn files_are_held_in_small_pieces() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || serve(&listener));
    peak(&url, 1).await; // what is made once for the process
    let one = peak(&url, 1).await;
    let four = peak(&url, 4).await;
    let eight = peak(&url, 8).await;
    println!("1: {one}, 4: {four}, 8: {eight}");
}
