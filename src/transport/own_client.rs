//! The HTTP client of those who bring none.

use std::time::Duration;

use reqwest::{ClientBuilder, Url, redirect};

use super::base_url::is_loopback;
use super::failure::no_client;
use crate::error::Error;

pub(super) fn own_client(url: &Url) -> Result<reqwest::Client, Error> {
    if url.scheme() == "https" && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(Error::config(
            "https needs the feature rustls or native-tls, or an http_client that brings its own TLS",
        ));
    }
    let mut builder = base_settings(reqwest::Client::builder())
        // Without pings, a dead HTTP/2 connection would fail every later poll.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(5));
    if url.host_str().is_some_and(is_loopback) {
        // The environment's proxies are for other hosts.
        builder = builder.no_proxy();
    }
    builder.build().map_err(no_client)
}

/// What all HTTP clients of this crate have in common.
pub(crate) fn base_settings(builder: ClientBuilder) -> ClientBuilder {
    let builder = builder
        .referer(false)
        // One that is followed is a request of its own, after its target is checked.
        .redirect(redirect::Policy::none())
        // reqwest copies each request in case HTTP/2 gives it back. This crate says which are repeated, copied only then.
        .retry(reqwest::retry::never().max_retries_per_request(0));
    // With both TLS features on, the default of this crate is used.
    #[cfg(feature = "rustls")]
    let builder = builder.tls_backend_rustls();
    builder
}
