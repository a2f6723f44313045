//! What is said of a response that did not come, or not whole.

use std::error::Error as StdError;
use std::iter;

use super::cause::{Attempt, Lasts, cause};
use crate::error::{Error, ErrorKind};

/// In bytes. No record is longer; a longer body is not the gateway's.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

#[cfg(feature = "simulator")]
pub(crate) fn broken() -> Error {
    Error::new(ErrorKind::Transport, super::cause::BROKEN)
}

pub(crate) fn cut_short() -> Error {
    Error::new(ErrorKind::Decode, "it was cut short")
}

pub(crate) fn too_long() -> Error {
    Error::new(ErrorKind::Decode, "it is over 1 MiB long")
}

/// The error of a request without a response. `known`: the gateway has answered this client before, so that its settings are
/// right.
pub(crate) fn failure(error: reqwest::Error, known: bool) -> Error {
    let connecting = error.is_connect();
    let (host, port) = error.url().map_or(("the gateway", 0), |url| {
        (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
    });
    let causes: Vec<_> = causes(&error).collect();
    let described = if error.is_builder() {
        Error::new(ErrorKind::InvalidRequest, format!("the HTTP client cannot send it: {}", last(&causes)))
    } else if error.is_redirect() {
        Error::new(ErrorKind::Server, format!("a redirect that the HTTP client does not follow: {}", last(&causes)))
    } else {
        let cause = cause(Attempt { host, port, connecting, timed_out: error.is_timeout() }, &causes);
        let described = Error::new(cause.kind, cause.text);
        match cause.lasts {
            Lasts::Always => described.permanent(),
            Lasts::IfNew if !known => described.permanent_at_first(),
            Lasts::IfNew | Lasts::Passes => described,
        }
    };
    described.caused_by(error.without_url())
}

/// The error of an HTTP client that cannot be made.
pub(crate) fn no_client(error: reqwest::Error) -> Error {
    let causes: Vec<_> = causes(&error).collect();
    Error::config(format!("the HTTP client cannot be set up: {}", last(&causes))).caused_by(error)
}

fn last(causes: &[&(dyn StdError + 'static)]) -> String {
    causes.last().map_or_else(|| "it gives no reason".to_owned(), ToString::to_string)
}

pub(crate) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EndsWatch;

    /// The error of a client whose proxy it cannot use.
    async fn without_proxy() -> reqwest::Error {
        let proxy = reqwest::Proxy::all("socks5://127.0.0.1:1").unwrap();
        let client = reqwest::Client::builder().proxy(proxy).build().unwrap();
        client.get("http://127.0.0.1:9?taskId=secret").send().await.unwrap_err()
    }

    #[tokio::test]
    async fn wrong_proxy_ends_watch_unless_gateway_has_answered() {
        for (known, ends) in [(false, EndsWatch::AtFirst), (true, EndsWatch::Never)] {
            let error = failure(without_proxy().await, known);
            assert_eq!((error.kind(), error.is_transient(), error.ends_watch()), (ErrorKind::Transport, true, ends));
            assert!(
                error.to_string().contains("proxies of the scheme socks5") || error.to_string().contains("its proxy's")
            );
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn request_that_cannot_be_built_is_invalid() {
        let error = failure(reqwest::Client::new().get("no URL").send().await.unwrap_err(), true);
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("relative URL"), "{error}");
    }
}
