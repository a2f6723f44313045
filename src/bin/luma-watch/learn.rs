//! The file of a history: how long earlier tasks took.

use std::path::Path;

use luma_watch::History;
use tokio::time::Instant;

use crate::output::Failure;
use crate::saved_file::SavedFile;

/// A history that is saved when it has learned.
#[derive(Debug)]
pub(crate) struct LearnFile {
    file: SavedFile,
    history: History,
    saved: u64,
}

impl LearnFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = SavedFile::new(path, "the history file")?;
        let history = parse(&file)?.unwrap_or_default();
        let content = serde_json::to_vec(&history).unwrap_or_default();
        if let Some(error) = file.write(&content) {
            return Err(Failure::usage(error));
        }
        let saved = history.recorded();
        Ok(Self { file, history, saved })
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// When to save it next.
    pub(crate) fn due(&mut self) -> Option<Instant> {
        if self.history.recorded() != self.saved {
            self.file.change();
        }
        self.file.due()
    }

    /// Saves what it has learned. Returns what went wrong, once.
    pub(crate) fn save(&mut self) -> Option<String> {
        self.due()?;
        self.saved = self.history.recorded();
        let content = serde_json::to_vec(&self.history).unwrap_or_default();
        self.file.write(&content)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.file.has_failed()
    }
}

/// Reads a history that is not changed.
pub(crate) fn read(path: &Path) -> Result<History, Failure> {
    let file = SavedFile::new(path, "the history file")?;
    parse(&file)?.ok_or_else(|| Failure::usage(format!("{file} does not exist, or is empty")))
}

fn parse(file: &SavedFile) -> Result<Option<History>, Failure> {
    let Some(content) = file.read()? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| file.mangled(&error))
}
