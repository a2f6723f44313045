//! A file that is written as a whole, again and again. A reader finds the old content or the new one, never a part.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use tokio::time::Instant;

use crate::output::Failure;

/// Writing takes one part of this number of the time, at most.
const SHARE: u32 = 20;
/// After a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A file, and when to write it.
#[derive(Debug)]
pub(crate) struct SavedFile {
    path: PathBuf,
    /// What it is, for messages: `the resume file`.
    name: &'static str,
    changed: bool,
    not_before: Instant,
    /// Whether the last attempt to write it failed.
    failed: bool,
}

impl SavedFile {
    pub(crate) fn new(path: &Path, name: &'static str) -> Result<Self, Failure> {
        // A link stays, and leads to the new content.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if path.exists() && !path.is_file() {
            return Err(Failure::usage(format!("{name} {} is not a file", path.display())));
        }
        Ok(Self { path, name, changed: false, not_before: Instant::now(), failed: false })
    }

    /// Reads it. `None` if it does not exist, or is empty.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        match fs::read(&self.path) {
            Ok(content) => Ok(Some(content).filter(|content| !content.is_empty())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::usage(format!("{self} cannot be read: {error}"))),
        }
    }

    /// The failure of a file whose content is not what it should be.
    pub(crate) fn mangled(&self, error: &serde_json::Error) -> Failure {
        Failure::usage(format!("{self} cannot be used: {error}; remove it, or name another file"))
    }

    /// Notes that there is new content.
    pub(crate) fn change(&mut self) {
        self.changed = true;
    }

    /// When to write it next. `None`: there is nothing new.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.changed.then_some(self.not_before)
    }

    /// Writes it. The first failure of several in a row is returned.
    pub(crate) fn write(&mut self, content: &[u8]) -> Option<String> {
        let start = Instant::now();
        let result = replace(&self.path, content);
        let took = start.elapsed();
        let pause = if result.is_err() { RETRY_PAUSE } else { took.saturating_mul(SHARE) };
        self.not_before = start.checked_add(pause).unwrap_or(start);
        self.changed = result.is_err();
        let is_news = !self.failed;
        self.failed = result.is_err();
        let error = result.err().filter(|_| is_news)?;
        Some(format!("{self} cannot be written: {error}"))
    }

    /// Whether its content is older than it should be, because it could not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }
}

impl std::fmt::Display for SavedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.path.display())
    }
}

/// Writes a file beside it, and gives that its name.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or_else(|| io::Error::other("it has no file name"))?);
    name.push(format!(".{}.new", process::id()));
    let new = path.with_file_name(name);
    let write = |mut file: File| {
        if let Ok(before) = fs::metadata(path) {
            file.set_permissions(before.permissions())?;
        }
        file.write_all(content)?;
        file.sync_all()
    };
    let result = create(&new).and_then(write).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        drop(fs::remove_file(&new));
    }
    result
}

/// Only its owner can read it: the URLs of results are as good as the files.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
