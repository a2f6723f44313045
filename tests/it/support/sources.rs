//! The source files of the crate, for tests that read them.

use std::fs;
use std::path::Path;

/// All `.rs` files below a folder, as one text.
pub(crate) fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.fold(String::new(), |text, path| match path.extension() {
        None => text + &sources(&path),
        Some(rs) if rs == "rs" => text + &fs::read_to_string(path).unwrap(),
        Some(_) => text,
    })
}
