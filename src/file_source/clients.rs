//! The HTTP clients for file hosts: they know no API key, and look up names by the rules of the download.

use std::sync::{Arc, OnceLock};

use reqwest::{Client, ClientBuilder, Url};

use super::resolver::PublicOnly;
use crate::error::Error;
use crate::transport::{PerRuntime, USER_AGENT_NAME, base_settings, is_loopback, no_client};

/// Made when the first file is fetched: most programs fetch none with them, and TLS needs the certificates of the operating
/// system.
#[derive(Default)]
pub(super) struct FileClients {
    public_only: OnceLock<PerRuntime>,
    all_addresses: OnceLock<PerRuntime>,
    this_machine: OnceLock<PerRuntime>,
}

impl FileClients {
    /// The client for this URL, which is checked.
    pub(super) fn present(&self, url: &Url, private_allowed: bool) -> Result<Client, Error> {
        let (slot, make): (_, fn() -> _) = if !private_allowed {
            (&self.public_only, || set_up(Client::builder().dns_resolver(Arc::new(PublicOnly::of_environment()))))
        } else if url.host_str().is_some_and(is_loopback) {
            // The environment's proxies are for other hosts.
            (&self.this_machine, || set_up(Client::builder().no_proxy()))
        } else {
            (&self.all_addresses, || set_up(Client::builder()))
        };
        if slot.get().is_none() {
            // Two threads may both do this. The first one's clients are used.
            drop(slot.set(PerRuntime::new(make)?));
        }
        let clients = slot.get().ok_or_else(|| Error::config("there is no HTTP client for files"))?;
        Ok(clients.present()?.1)
    }
}

fn set_up(builder: ClientBuilder) -> Result<Client, Error> {
    base_settings(builder)
        .user_agent(USER_AGENT_NAME)
        // Another library in the program may turn on reqwest's decompression. What is on disk could not be gone on with then.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // With HTTP/2, what has come and is not read yet is kept in memory: some megabytes per connection. With HTTP/1.1 the
        // operating system keeps it, and holds back the file host.
        .http1_only()
        .build()
        .map_err(no_client)
}
