//! The record beside an unfinished file: which version of the file its bytes are from, and how to check them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How a file that is partly there is asked for: which version of which size it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// For `If-Range`: a strong `ETag`, or else a `Last-Modified` that is strong.
    pub(super) validator: String,
    /// Of the whole file, in bytes.
    pub(super) size: Option<u64>,
}

/// After a power failure, bytes that were written may be missing, or zeros. So a later process trusts only those that match this.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: Version,
    /// How many bytes were written.
    pub(super) bytes: u64,
    /// The SHA-256 of these bytes, in hexadecimal digits.
    pub(super) sha256: String,
}

/// Where a record is kept.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    /// `None`: nothing was written yet.
    file: Option<File>,
}

impl RecordFile {
    /// The record of the unfinished file at this path.
    pub(super) fn beside(part: &Path) -> Self {
        let mut path = part.as_os_str().to_owned();
        path.push(".json");
        Self { path: path.into(), file: None }
    }

    /// What an earlier process left, if it can be read.
    pub(super) fn read(&self) -> Option<Record> {
        // A pipe would be read for ever.
        if !self.path.symlink_metadata().ok()?.is_file() {
            return None;
        }
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Writes the record over the one before, which was no longer: of the same version, with fewer bytes. The first one needs
    /// the path to be free.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().write(true).create_new(true).open(&self.path)?),
        };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&serde_json::to_vec(record)?)
    }

    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.file = None;
        remove(&self.path)
    }
}

/// Removes a file. It is no error if there is none.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
