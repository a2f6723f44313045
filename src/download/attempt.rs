//! One attempt to fetch a file, or the rest of it: a request, and its body on its way to the disk.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::Url;
use tokio::time::Instant;
use tracing::debug;

use super::disk::Disk;
use super::failure::{
    MAX_PAGE, broken, check_media, looks_like_page, of_host, of_status, refused, says_expired, too_large,
};
use super::options::DownloadOptions;
use super::part::BUFFER;
use super::response::{Meaning, meaning};
use super::speed::{Speed, too_slow};
use crate::error::{Error, ErrorKind};
use crate::file_source::{FileBody, FileRequest, FileSource};
use crate::timeout::timeout_with_grace;
use crate::wire;

/// What has come is written after this time at the latest.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// A response whose bytes belong on the disk.
pub(super) struct Attempt {
    host: String,
    body: FileBody,
    /// Of the whole file.
    size: Option<u64>,
    /// What has come, and is not written yet: [`BUFFER`] bytes at most.
    buffer: BytesMut,
    /// What has come, and had no room in the buffer.
    chunk: Bytes,
    flushed_at: Instant,
    speed: Speed,
    max_size: u64,
}

impl Attempt {
    /// Asks for what is missing, and reads the head of the answer. Afterwards, what is on disk is what the body follows.
    pub(super) async fn start(
        files: &FileSource,
        url: &Url,
        options: &DownloadOptions,
        disk: &mut Disk,
    ) -> Result<Self, Error> {
        loop {
            if let Some(attempt) = Self::ask(files, url, options, disk).await? {
                return Ok(attempt);
            }
        }
    }

    /// `None`: what was on disk was of no use. It is gone, so that the whole file is asked for now.
    async fn ask(
        files: &FileSource,
        url: &Url,
        options: &DownloadOptions,
        disk: &mut Disk,
    ) -> Result<Option<Self>, Error> {
        let on_disk = disk.resumable();
        let speed = Speed::new(options.stall_timeout);
        let request = FileRequest {
            url,
            rest: on_disk.as_ref().map(|(written, version)| (*written, version.validator.as_str())),
            private_addresses: options.private_addresses,
            client: options.http_client.as_ref(),
        };
        let fetch = pin!(files.fetch(request));
        let Some(response) = timeout_with_grace(speed.timeout(), fetch).await else {
            return Err(of_host(Error::new(
                ErrorKind::Timeout,
                format!("{} did not answer within {:?}", url.host_str().unwrap_or_default(), speed.timeout()),
            )));
        };
        let mut response = response.map_err(of_host)?;
        let sent = on_disk.as_ref().map(|(written, version)| (*written, version));
        let size = match meaning(response.status, &response.headers, sent) {
            Meaning::NoFile => {
                let page = page(&mut response.body, speed.timeout()).await;
                let wait = wire::retry_after(&response.headers, SystemTime::now);
                return Err(of_status(&response.host, response.status, &page).with_retry_after(wait));
            }
            Meaning::StartOver(reason) => {
                disk.start_over(None).await?;
                if on_disk.is_none() {
                    return Err(of_host(Error::new(ErrorKind::Server, reason)));
                }
                debug!(host = response.host, reason, "result file is fetched from its beginning");
                return Ok(None);
            }
            Meaning::Whole { size, version } => {
                check_media(&response.host, &response.headers)?;
                disk.start_over(version).await?;
                size
            }
            Meaning::Rest { size } => {
                check_media(&response.host, &response.headers)?;
                Some(size)
            }
        };
        let max_size = options.max_file_size;
        if size.is_some_and(|size| size > max_size) {
            return Err(too_large(max_size));
        }
        let (host, body) = (response.host, response.body);
        Ok(Some(Self {
            host,
            body,
            size,
            buffer: BytesMut::new(),
            chunk: Bytes::new(),
            flushed_at: Instant::now(),
            speed,
            max_size,
        }))
    }

    /// The size of the whole file, in bytes, if it is known.
    pub(super) const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Reads on until some bytes are on disk. Returns whether more may come.
    pub(super) async fn read_on(&mut self, disk: &mut Disk) -> Result<bool, Error> {
        self.speed.resume();
        let ended = self.fill(disk.written()).await;
        if !self.buffer.is_empty() {
            self.flush(disk).await?;
        }
        if !ended? {
            return Ok(true);
        }
        let written = disk.written();
        match self.size {
            _ if written == 0 => Err(refused(format!("{} sends an empty file", self.host))),
            Some(size) if written < size => Err(broken(&self.host, written, self.size)),
            _ => Ok(false),
        }
    }

    /// Collects bytes until there are enough to write. Returns whether the body has ended.
    async fn fill(&mut self, written: u64) -> Result<bool, Error> {
        loop {
            let room = BUFFER.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&self.chunk.split_to(room.min(self.chunk.len())));
            if self.buffer.len() >= BUFFER {
                return Ok(false);
            }
            let mut patience = self.speed.left();
            // Blanks alone do not say yet whether a page follows.
            if !self.buffer.trim_ascii_start().is_empty() {
                let until_flush = FLUSH_INTERVAL.saturating_sub(self.flushed_at.elapsed());
                if until_flush.is_zero() {
                    return Ok(false);
                }
                patience = patience.min(until_flush);
            }
            let received = written.saturating_add(self.buffer.len() as u64);
            let chunk = pin!(self.body.chunk());
            let chunk = match timeout_with_grace(patience, chunk).await {
                Some(Ok(chunk)) => chunk,
                Some(Err(cause)) => {
                    let error = broken(&self.host, received, self.size);
                    return Err(match cause.0 {
                        Some(cause) => error.caused_by(cause),
                        None => error,
                    });
                }
                None => Some(Bytes::new()), // slow; the next line says whether it is too slow
            };
            let Some(chunk) = chunk else { return Ok(true) };
            self.speed.received(chunk.len()).map_err(|slow| too_slow(&self.host, &slow))?;
            let received = received.saturating_add(chunk.len() as u64);
            if received > self.max_size {
                self.buffer.clear();
                return Err(too_large(self.max_size));
            }
            if self.size.is_some_and(|size| received > size) {
                self.buffer.clear();
                return Err(refused(format!("{} sends more bytes than it announced", self.host)));
            }
            self.chunk = chunk;
        }
    }

    async fn flush(&mut self, disk: &mut Disk) -> Result<(), Error> {
        if disk.written() == 0 && looks_like_page(&self.buffer) {
            let page = self.buffer.split();
            if says_expired(&page) {
                return Err(of_status(&self.host, 410, &page));
            }
            return Err(refused(format!("what {} sends begins as an HTML, XML or JSON page", self.host)));
        }
        self.flushed_at = Instant::now();
        disk.append(self.buffer.split().freeze()).await
    }
}

/// The beginning of a page that came in place of a file. Whatever goes wrong, what has come counts.
async fn page(body: &mut FileBody, timeout: Duration) -> Vec<u8> {
    let mut page = Vec::new();
    let since = Instant::now();
    while page.len() < MAX_PAGE {
        let chunk = pin!(body.chunk());
        match timeout_with_grace(timeout.saturating_sub(since.elapsed()), chunk).await {
            Some(Ok(Some(chunk))) => page.extend_from_slice(&chunk),
            _ => break,
        }
    }
    page
}
