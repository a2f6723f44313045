//! The HTTP clients for file hosts: they know no API key, and look up names by the rules of the download.

use std::sync::{Arc, OnceLock};

use reqwest::{Client, redirect};

use super::resolver::PublicOnly;
use crate::error::Error;
use crate::transport::{PerRuntime, USER_AGENT_NAME, no_client};

/// Made when the first file is fetched: most programs fetch none with them, and TLS needs the certificates of the operating
/// system.
#[derive(Default)]
pub(super) struct FileClients {
    public_only: OnceLock<PerRuntime>,
    all_addresses: OnceLock<PerRuntime>,
}

impl FileClients {
    pub(super) fn present(&self, private_allowed: bool) -> Result<Client, Error> {
        let (slot, make): (_, fn() -> _) = if private_allowed {
            (&self.all_addresses, || client(None))
        } else {
            (&self.public_only, || client(Some(PublicOnly::of_environment())))
        };
        if slot.get().is_none() {
            // Two threads may both do this. The first one's clients are used.
            drop(slot.set(PerRuntime::new(make)?));
        }
        let clients = slot.get().ok_or_else(|| Error::config("there is no HTTP client for files"))?;
        Ok(clients.present()?.1)
    }
}

fn client(resolver: Option<PublicOnly>) -> Result<Client, Error> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT_NAME)
        .referer(false)
        // Each target is checked first.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never().max_retries_per_request(0))
        // With HTTP/2, what has come and is not read yet is kept in memory: some megabytes per connection. With HTTP/1.1 the
        // operating system keeps it, and holds back the file host.
        .http1_only();
    #[cfg(feature = "rustls")]
    {
        builder = builder.tls_backend_rustls();
    }
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    builder.build().map_err(no_client)
}
