//! The settings of a download.

use std::time::Duration;

/// What happens when a file of the same name is in the folder already.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnCollision {
    /// The new file gets a number: `video-1.mp4`, `video-2.mp4`, and so on. Nothing is overwritten.
    #[default]
    Number,
    /// The new file replaces the old one, at the moment when it is whole. Files of one task that have the same name get numbers.
    Overwrite,
}

/// How files are downloaded.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{DownloadOptions, OnCollision};
///
/// let options = DownloadOptions::new()
///     .on_collision(OnCollision::Overwrite)
///     .max_file_size(500 * 1024 * 1024)
///     .stall_timeout(Duration::from_secs(10));
/// # drop(options);
/// ```
///
/// | setting | default |
/// |---|---|
/// | [`on_collision`](Self::on_collision) | [`OnCollision::Number`] |
/// | [`max_file_size`](Self::max_file_size) | 4 GiB |
/// | [`files_at_once`](Self::files_at_once) | 4 |
/// | [`stall_timeout`](Self::stall_timeout) | 30 s |
/// | [`max_retries`](Self::max_retries) | 8 |
/// | [`allow_private_addresses`](Self::allow_private_addresses) | no, unless the base URL is a loopback address |
/// | [`http_client`](Self::http_client) | the library's own |
#[derive(Clone, Debug)]
#[must_use = "options have no effect until a download gets them"]
pub struct DownloadOptions {
    pub(super) on_collision: OnCollision,
    pub(super) max_file_size: u64,
    pub(super) files_at_once: usize,
    pub(super) stall_timeout: Duration,
    pub(super) max_retries: u32,
    /// `None`: if the gateway is on this machine.
    pub(super) private_addresses: Option<bool>,
    pub(super) http_client: Option<reqwest::Client>,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl DownloadOptions {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            on_collision: OnCollision::Number,
            max_file_size: 4 * 1024 * 1024 * 1024,
            files_at_once: 4,
            stall_timeout: Duration::from_secs(30),
            max_retries: 8,
            private_addresses: None,
            http_client: None,
        }
    }

    /// Sets what happens when a file of the same name is there. Default: [`OnCollision::Number`].
    pub const fn on_collision(mut self, choice: OnCollision) -> Self {
        self.on_collision = choice;
        self
    }

    /// Sets how large a file may be, in bytes. Default: 4 GiB. A larger one fails with
    /// [`TooLarge`](crate::ErrorKind::TooLarge), and nothing of it is kept.
    pub const fn max_file_size(mut self, bytes: u64) -> Self {
        self.max_file_size = bytes;
        self
    }

    /// Sets how many files of a task are fetched at once. Default: 4. 0 counts as 1.
    pub const fn files_at_once(mut self, files: usize) -> Self {
        self.files_at_once = files;
        self
    }

    /// Sets how long an attempt may be slow. Default: 30 s. An attempt fails if no answer comes within this time, or if less than 1 KiB
    /// per second arrives over such a time. Then it is retried. A time under 1 ms counts as 1 ms.
    pub const fn stall_timeout(mut self, time: Duration) -> Self {
        self.stall_timeout = time;
        self
    }

    /// Sets how many times a file is retried. Default: 8, which takes about 2 minutes. The count begins anew when an attempt
    /// brings the file further, by 4 KiB at least, or by 64 KiB if it was [too slow](Self::stall_timeout). With 0, the first failure
    /// ends the file.
    pub const fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets whether files may come from private, loopback and link-local addresses. By default only a client whose own
    /// base URL is a loopback address allows them.
    ///
    /// Leave it off where the program can reach servers that others should not: a redirect of a file host must not lead there.
    pub const fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.private_addresses = Some(allow);
        self
    }

    /// Sets the HTTP client that fetches the files: for certificates and proxies of your own. Build it with
    /// `redirect::Policy::none()`, without decompression, and without default headers that hold secrets: it talks to file hosts.
    ///
    /// It looks up names itself, so only addresses in URLs are checked for being private. By default the library makes a client
    /// of its own, which follows the proxies of the environment.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }
}
