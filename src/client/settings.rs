//! What the settings of a client make: each is checked here.

use std::sync::Arc;
use std::time::Duration;

use super::builder::{BASE_URL, ClientBuilder};
use crate::client_core::ClientCore;
use crate::clock::Epoch;
use crate::endpoint::LUMA_MODIFY;
use crate::error::Error;
#[cfg(feature = "download")]
use crate::file_source::FileSource;
use crate::gateway::{Gateway, Transport};
use crate::limiter::{Limiter, LimiterConfig, RateLimit};
use crate::notify::Registry;
use crate::observe::Observers;
use crate::poll_state::WatchConfig;
use crate::schedule::bounded;
#[cfg(feature = "download")]
use crate::transport::is_loopback;
use crate::transport::{Http, HttpConfig};

impl ClientBuilder {
    /// What the client and its watches share, if the settings make sense.
    pub(super) fn core(self) -> Result<ClientCore, Error> {
        let (config, limiter) = (self.watch_config()?, Limiter::new(self.limiter_config()?));
        let (request_timeout, source) = (self.request_timeout, self.api_key_source.clone());
        let observers = Observers::new(self.observers.clone());
        #[cfg(feature = "download")]
        let simulated_files = self.simulated_files();
        let gateway = Gateway::new(self.transport()?, &LUMA_MODIFY, request_timeout, source);
        Ok(ClientCore {
            #[cfg(feature = "download")]
            files: Arc::new(simulated_files.unwrap_or_else(|| FileSource::http(is_loopback(gateway.host())))),
            gateway,
            limiter,
            config,
            registry: Registry::new(),
            stagger: Arc::default(),
            epoch: Epoch::now(),
            failure_log: Arc::default(),
            late_polls: Arc::default(),
            observers,
        })
    }

    /// Where files come from if the gateway is a simulator in memory.
    #[cfg(all(feature = "download", feature = "simulator"))]
    fn simulated_files(&self) -> Option<FileSource> {
        self.simulator.as_ref().map(|simulator| FileSource::InMemory(simulator.files()))
    }

    /// Without the feature, the gateway is none.
    #[cfg(all(feature = "download", not(feature = "simulator")))]
    #[allow(clippy::unused_self)] // as with the feature
    const fn simulated_files(&self) -> Option<FileSource> {
        None
    }

    fn watch_config(&self) -> Result<WatchConfig, Error> {
        self.schedule.validate()?;
        if self.request_timeout.is_zero() {
            return Err(Error::config("the request timeout is zero: no answer could come in time"));
        }
        bounded("the request timeout", self.request_timeout)?;
        let Self { schedule, grace, retry_after_cap, .. } = self;
        Ok(WatchConfig { schedule: schedule.clone(), grace: *grace, retry_after_cap: *retry_after_cap })
    }

    fn limiter_config(&self) -> Result<LimiterConfig, Error> {
        self.rate_limit.map_or(Ok(()), RateLimit::validate)?;
        if self.max_in_flight == 0 {
            return Err(Error::config("max_in_flight is 0: no request could ever be sent"));
        }
        // A little longer than the request whose future is still polled.
        let lease = self.request_timeout.saturating_add(Duration::from_secs(1));
        Ok(LimiterConfig { rate_limit: self.rate_limit, max_in_flight: self.max_in_flight, lease })
    }

    fn transport(self) -> Result<Transport, Error> {
        let api_key = if self.api_key_source.is_some() { None } else { Some(self.api_key) };
        #[cfg(feature = "simulator")]
        if let Some(simulator) = self.simulator {
            if self.base_url.is_some() || self.http_client.is_some() {
                return Err(Error::config(
                    "a simulator cannot be combined with base_url or http_client: leave them out, or use Simulator::serve and its URL",
                ));
            }
            return Ok(Transport::InMemory(simulator.in_memory(api_key)?));
        }
        let base_url = self.base_url.unwrap_or_else(|| BASE_URL.to_owned());
        let (client, max_in_flight) = (self.http_client, self.max_in_flight);
        let config = HttpConfig { api_key, base_url, endpoint: &LUMA_MODIFY, client, max_in_flight };
        Ok(Transport::Http(Http::new(config)?))
    }
}
