//! What files are fetched with.

use std::fmt;

use super::http::HttpFiles;
#[cfg(feature = "simulator")]
use super::message::{FileBody, host};
use super::message::{FileRequest, FileResponse};
use crate::error::Error;
#[cfg(feature = "simulator")]
use crate::simulator::{SimulatedFiles, SimulatedResponse};

/// What files are fetched with. There is one per client.
pub(crate) enum FileSource {
    Http(Box<HttpFiles>),
    #[cfg(feature = "simulator")]
    InMemory(SimulatedFiles),
}

impl FileSource {
    /// `on_this_machine`: the gateway has a loopback address.
    pub(crate) fn http(on_this_machine: bool) -> Self {
        Self::Http(Box::new(HttpFiles::new(on_this_machine)))
    }

    /// Asks for a file, and follows redirects. Dropping the future aborts the request.
    pub(crate) async fn fetch(&self, request: FileRequest<'_>) -> Result<FileResponse, Error> {
        match self {
            Self::Http(http) => http.fetch(request).await,
            #[cfg(feature = "simulator")]
            Self::InMemory(files) => {
                let SimulatedResponse { status, headers, body, cut } =
                    files.fetch(request.url.as_str(), request.rest).await?;
                let body = FileBody::InMemory { bytes: body, cut };
                Ok(FileResponse { status, headers, host: host(request.url), body })
            }
        }
    }
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource").finish_non_exhaustive()
    }
}
