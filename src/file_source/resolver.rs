//! Looks up names, and gives public addresses only: a public name may lead to a private address.

use std::env;
use std::net::SocketAddr;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use super::address::{Blocked, is_public};

pub(super) struct PublicOnly {
    /// The proxies of the environment, which are often private.
    proxies: Vec<String>,
}

impl PublicOnly {
    pub(super) fn of_environment() -> Self {
        const VARIABLES: [&str; 6] =
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let proxies = VARIABLES.iter().filter_map(|name| proxy_host(&env::var(name).ok()?));
        Self { proxies: proxies.collect() }
    }
}

fn proxy_host(text: &str) -> Option<String> {
    let text = text.trim();
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    Some(url.ok()?.host_str()?.to_owned())
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name.as_str()));
        Box::pin(async move {
            let mut addresses: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let found = !addresses.is_empty();
            addresses.retain(|address| is_proxy || is_public(address.ip()));
            if found && addresses.is_empty() {
                return Err(Blocked::Private.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lookup(resolver: &PublicOnly, name: &str) -> Result<usize, String> {
        let addresses = resolver.resolve(name.parse().unwrap()).await;
        addresses.map(Iterator::count).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn name_with_private_address_is_blocked_unless_it_is_proxy() {
        let resolver = PublicOnly { proxies: Vec::new() };
        assert_eq!(lookup(&resolver, "localhost").await, Err(Blocked::Private.to_string()));
        let resolver = PublicOnly { proxies: vec!["LocalHost".to_owned()] };
        assert!(lookup(&resolver, "localhost").await.is_ok_and(|count| count > 0));
    }

    #[test]
    fn host_of_proxy_is_read_from_each_form() {
        for text in ["proxy.example:3128", "http://proxy.example:3128/", " socks5://user:password@proxy.example"] {
            assert_eq!(proxy_host(text).as_deref(), Some("proxy.example"), "{text}");
        }
        assert_eq!(proxy_host(""), None);
    }
}
