//! What sends a request: the HTTP client that the user brought, or the library's own of the present runtime.

use reqwest::{Client, Url};

use super::environment_proxy::warn_of_environment_proxy;
use super::own_client::own_client;
use super::per_runtime::{ClientNumber, PerRuntime};
use crate::error::Error;

pub(super) enum Clients {
    Own(PerRuntime),
    Brought(Client),
}

/// What sent a request. `None`: the client that the user brought.
pub(super) type Sender = Option<ClientNumber>;

impl Clients {
    /// `url`: of the endpoint, checked.
    pub(super) fn new(brought: Option<Client>, url: &Url) -> Result<Self, Error> {
        let Some(client) = brought else {
            let url = url.clone();
            return Ok(Self::Own(PerRuntime::new(move || own_client(&url))?));
        };
        warn_of_environment_proxy(url);
        Ok(Self::Brought(client))
    }

    /// The client to send the next request with. It is cheap to clone.
    pub(super) fn present(&self) -> Result<(Sender, Client), Error> {
        match self {
            Self::Own(clients) => clients.present().map(|(number, client)| (Some(number), client)),
            Self::Brought(client) => Ok((None, client.clone())),
        }
    }

    /// Drops the kept connections of this sender, so that the next request opens one. Those of a client that the user
    /// brought cannot be dropped.
    pub(super) fn renew(&self, sender: Sender) {
        if let (Self::Own(clients), Some(number)) = (self, sender) {
            clients.renew(number);
        }
    }
}
