//! The unfinished file, worked on by threads for blocking work.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::failure::of_storage;
use super::options::OnCollision;
use super::part::Part;
use super::record::Version;
use crate::error::Error;

/// Where a file comes to be.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) name: String,
}

/// The part of one file. Dropped while it writes, it finishes this write.
#[derive(Debug)]
pub(super) struct Disk {
    place: Arc<Place>,
    /// `None`: the thread that worked on it has ended.
    part: Option<Part>,
}

impl Disk {
    /// Finds what an earlier download left of this URL's file, or begins anew.
    pub(super) async fn open(place: Arc<Place>, url: &str) -> Result<Self, Error> {
        let (at, url) = (Arc::clone(&place), url.to_owned());
        let opened = spawn_blocking(move || Part::open(&at.folder, &at.name, &url)).await;
        let part = opened.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        let doing = || format!("{} cannot be begun in {}", place.name, place.folder.display());
        let part = part.map_err(|error| of_storage(&doing(), error))?;
        Ok(Self { place, part: Some(part) })
    }

    /// How many bytes are on disk.
    pub(super) fn written(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::written)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_whole)
    }

    /// What is on disk, if the rest can follow it.
    pub(super) fn resumable(&self) -> Option<(u64, Version)> {
        let part = self.part.as_ref()?;
        Some((part.written(), part.resumable()?.clone()))
    }

    pub(super) async fn start_over(&mut self, version: Option<Version>) -> Result<(), Error> {
        self.work(|part| part.start_over(version)).await
    }

    pub(super) async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.work(move |part| part.append(&bytes)).await
    }

    /// Gives the whole file its name. Returns where it is, and its SHA-256.
    pub(super) async fn keep(&mut self, choice: OnCollision) -> Result<(PathBuf, String), Error> {
        let place = Arc::clone(&self.place);
        self.work(move |part| Ok((part.keep(&place.folder, &place.name, choice)?, part.sha256()))).await
    }

    /// Leaves nothing behind.
    pub(super) async fn remove(mut self) -> Result<(), Error> {
        self.work(Part::remove).await
    }

    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Part) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(mut part) = self.part.take() else {
            return Err(of_storage("it cannot be written", io::Error::other("an earlier write has not ended")));
        };
        let worked = spawn_blocking(move || {
            let result = work(&mut part);
            (part, result)
        });
        let result = match worked.await {
            Ok((part, result)) => {
                self.part = Some(part);
                result
            }
            Err(ended) => Err(io::Error::other(ended)),
        };
        let doing = || format!("{} cannot be written in {}", self.place.name, self.place.folder.display());
        result.map_err(|error| of_storage(&doing(), error))
    }
}
