//! A request for a file, and its response: a head, and a body in pieces.

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::HeaderMap;

/// What to ask a file host for.
#[derive(Clone, Copy)]
pub(crate) struct FileRequest<'a> {
    pub(crate) url: &'a Url,
    /// The rest of the file from this byte on, if this is still its validator.
    pub(crate) rest: Option<(u64, &'a str)>,
    /// `None`: if the gateway is on this machine.
    pub(crate) private_addresses: Option<bool>,
    /// The user's. `None`: the library's own.
    pub(crate) client: Option<&'a reqwest::Client>,
}

/// The head of an answer, after redirects, and what its body is read from.
pub(crate) struct FileResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Who answered, for errors.
    pub(crate) host: String,
    pub(crate) body: FileBody,
}

pub(crate) enum FileBody {
    Http(reqwest::Response),
    /// `cut`: it breaks off at its end.
    #[cfg(feature = "simulator")]
    InMemory {
        bytes: Bytes,
        cut: bool,
    },
}

/// The body broke off.
pub(crate) struct Broken(pub(crate) Option<reqwest::Error>);

impl FileBody {
    /// The next bytes. `None`: there are no more.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(|error| Broken(Some(error.without_url()))),
            #[cfg(feature = "simulator")]
            Self::InMemory { bytes, cut } => {
                const CHUNK: usize = 16 * 1024;
                match bytes.split_to(bytes.len().min(CHUNK)) {
                    chunk if !chunk.is_empty() => Ok(Some(chunk)),
                    _ if *cut => Err(Broken(None)),
                    _ => Ok(None),
                }
            }
        }
    }
}

/// A URL's host, with its port unless it is the usual one.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
