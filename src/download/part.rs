//! An unfinished file on disk: locked, hashed as it grows, and found again by a later process.
//!
//! All of this blocks: it runs on threads for blocking work.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fs4::{FileExt, TryLockError};
use sha2::{Digest, Sha256};
use tempfile::{PathPersistError, TempPath};

use super::name::numbered;
use super::options::OnCollision;
use super::record::{Record, RecordFile, Version, remove};

/// In bytes. So much is read at once, and collected before it is written.
pub(super) const BUFFER: usize = 64 * 1024;

/// How many names are tried while other downloads have the same URL's file open.
const MAX_NAMES: u32 = 100;

/// A file of which all, some or no bytes are there. Its lock is released when it is dropped.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    record: RecordFile,
    hasher: Sha256,
    /// How many bytes are on disk.
    written: u64,
    /// `None`: it can only be fetched from its beginning.
    version: Option<Version>,
    /// Whether the path is no longer its own: the file has its name, or is removed.
    settled: bool,
}

/// An empty part is of no use to anybody.
impl Drop for Part {
    fn drop(&mut self) {
        if self.written == 0 && !self.settled {
            drop(self.clear());
        }
    }
}

impl Part {
    /// Opens the part of this URL in this folder, or makes one. What an earlier process left is gone on with.
    pub(super) fn open(folder: &Path, name: &str, url: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let hash = hex(&Sha256::digest(url.as_bytes()));
        let hash = hash.get(..16).unwrap_or(&hash);
        for number in 0..MAX_NAMES {
            let number = if number == 0 { String::new() } else { format!("-{number}") };
            let path = folder.join(format!("{name}.{hash}{number}.part"));
            if let Some(part) = Self::open_unless_locked(path)? {
                return Ok(part);
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "100 other downloads write this file"))
    }

    fn open_unless_locked(path: PathBuf) -> io::Result<Option<Self>> {
        // A download that was dropped a moment ago may still write its last bytes.
        const PAUSES: [u64; 5] = [5, 10, 20, 40, 80];
        let mut pauses = PAUSES.iter();
        loop {
            // A link leads to a file that is not ours, and a folder or a device is none.
            if path.symlink_metadata().is_ok_and(|found| !found.is_file() || has_another_name(&found)) {
                return Ok(None);
            }
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let is_locked = match FileExt::try_lock(&file) {
                Err(TryLockError::WouldBlock) => true,
                // The one that had the lock may have given the file its name meanwhile.
                Ok(()) => !is_same_file(&file, &path),
                // Some network file systems have no locks.
                Err(TryLockError::Error(_)) => false,
            };
            if !is_locked {
                return Self::restored(path, file).map(Some);
            }
            let Some(pause) = pauses.next() else { return Ok(None) };
            #[allow(clippy::disallowed_methods)] // this is a thread for blocking work
            thread::sleep(Duration::from_millis(*pause));
        }
    }

    /// Reads what is there already, and goes on with it if it is what the record says.
    fn restored(path: PathBuf, file: File) -> io::Result<Self> {
        let record = RecordFile::beside(&path);
        let (found, hasher) = (record.read(), Sha256::new());
        let mut part = Self { path, file, record, hasher, written: 0, version: None, settled: false };
        let Some(Record { version, bytes, sha256 }) = found else {
            part.start_over(None)?;
            return Ok(part);
        };
        part.hash(bytes)?;
        if part.written != bytes || part.sha256() != sha256 || version.size.is_some_and(|size| bytes > size) {
            part.start_over(None)?;
            return Ok(part);
        }
        part.cut_to_written()?;
        part.record.remove()?;
        part.version = Some(version);
        part.save()?;
        Ok(part)
    }

    /// Hashes this number of bytes of the file, or fewer if it has fewer.
    fn hash(&mut self, bytes: u64) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut rest = (&self.file).take(bytes);
        loop {
            match rest.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.hasher.update(buffer.get(..read).unwrap_or_default());
                    self.written = self.written.saturating_add(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// With which version the file can be gone on with, if some of it is there.
    pub(super) fn resumable(&self) -> Option<&Version> {
        self.version.as_ref().filter(|_| self.written > 0)
    }

    /// Whether all of the file is there, and is known to be.
    pub(super) fn is_whole(&self) -> bool {
        self.resumable().is_some_and(|version| version.size == Some(self.written))
    }

    /// Forgets what is there. `version`: of the bytes that come.
    pub(super) fn start_over(&mut self, version: Option<Version>) -> io::Result<()> {
        // In this order: bytes of one version never stand beside the name of another.
        self.version = None;
        self.record.remove()?;
        self.hasher = Sha256::new();
        self.written = 0;
        self.cut_to_written()?;
        self.version = version;
        self.save()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // How much of it was written is not known.
            self.cut_to_written()?;
            return Err(error);
        }
        self.hasher.update(bytes);
        self.written = self.written.saturating_add(bytes.len() as u64);
        self.save()
    }

    /// Cuts off what is not counted as written, and goes on from there.
    fn cut_to_written(&mut self) -> io::Result<()> {
        self.file.set_len(self.written)?;
        self.file.seek(SeekFrom::Start(self.written))?;
        Ok(())
    }

    /// Writes down what is there. Without a version, it is of no use to a later process.
    fn save(&mut self) -> io::Result<()> {
        let Some(version) = self.version.clone() else { return Ok(()) };
        let record = Record { version, bytes: self.written, sha256: self.sha256() };
        self.record.write(&record)
    }

    /// The SHA-256 of the bytes, in hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }

    /// Gives the whole file its name, after all its bytes are on the disk. Returns where it is.
    pub(super) fn keep(&mut self, folder: &Path, name: &str, choice: OnCollision) -> io::Result<PathBuf> {
        self.file.sync_all()?;
        let path = match choice {
            OnCollision::Overwrite => {
                let path = folder.join(name);
                fs::rename(&self.path, &path)?;
                path
            }
            OnCollision::Number => rename_to_free_name(&self.path, folder, name)?,
        };
        self.settled = true;
        // The file is kept, whatever comes of these.
        drop(self.record.remove());
        drop(sync_folder(folder));
        Ok(path)
    }

    /// Leaves nothing behind.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.settled = true;
        self.clear()
    }

    fn clear(&mut self) -> io::Result<()> {
        self.record.remove()?;
        remove(&self.path)
    }
}

fn rename_to_free_name(from: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    const MAX_NUMBER: u32 = 100_000;
    for number in 0..MAX_NUMBER {
        let path = folder.join(numbered(name, number));
        // Saves a rename that fails. It decides nothing: the file may come meanwhile.
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match TempPath::try_from_path(from)?.persist_noclobber(&path) {
            Ok(()) => return Ok(path),
            Err(PathPersistError { error, path: unnamed }) => {
                // Otherwise the part is removed.
                unnamed.keep().map_err(|failed| failed.error)?;
                if error.kind() != io::ErrorKind::AlreadyExists {
                    // Some file systems know neither a rename that overwrites nothing nor links. There, the look above must do.
                    return fs::rename(from, &path).map(|()| path);
                }
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{MAX_NUMBER} files have the name {name}")))
}

/// Else the new name may be lost when the machine loses its power.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened there.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // as on Unix
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether it is another file as well: a copy by hard links, or, on file systems whose renames may overwrite, one that was kept
/// just before a crash.
#[cfg(unix)]
fn has_another_name(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.nlink() > 1
}

/// Whether it is another file as well: there, this is not known.
#[cfg(not(unix))]
const fn has_another_name(_found: &fs::Metadata) -> bool {
    false
}

/// Whether the path still leads to the open file.
#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Whether the path still leads to the open file: there, an open file keeps its name.
#[cfg(not(unix))]
fn is_same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default(); // writing to a text cannot fail
        text
    })
}
