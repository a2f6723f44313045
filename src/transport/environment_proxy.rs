//! A warning: the environment names a proxy that would see the key, if the user's own HTTP client follows the environment.

use std::env;
use std::net::IpAddr;

use reqwest::Url;
use tracing::warn;

/// Warns if requests to this URL go in clear, and to a proxy if the client follows the environment.
///
/// It is no error: the client may be built with `no_proxy`, which nothing shows. Over https a proxy sees no key.
pub(super) fn warn_of_environment_proxy(url: &Url) {
    if url.scheme() != "http" {
        return;
    }
    if let Some(variable) = proxy_variable(url.host_str().unwrap_or_default(), |name| env::var(name).ok()) {
        warn!(
            variable,
            "the base URL is plain http, and the environment names a proxy: the http_client sends the API key to it \
             unencrypted, unless it was built with no_proxy()"
        );
    }
}

/// The variable that names the proxy for http requests to this host, by reqwest's rules.
fn proxy_variable(host: &str, value: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    // A CGI program's HTTP_PROXY is a header of its request.
    if value("REQUEST_METHOD").is_some() {
        return None;
    }
    // The first that is set counts, even if it is empty; and the general one if the first names no proxy.
    let first = |names: [&'static str; 2]| {
        let set = names.into_iter().find_map(|name| Some((name, value(name)?)));
        set.filter(|(_, proxy)| !proxy.trim().is_empty()).map(|(name, _)| name)
    };
    let proxy = first(["HTTP_PROXY", "http_proxy"]).or_else(|| first(["ALL_PROXY", "all_proxy"]))?;
    let excluded = value("NO_PROXY").or_else(|| value("no_proxy")).unwrap_or_default();
    let is_excluded = excluded.split(',').any(|entry| excludes(entry.trim(), host));
    (!is_excluded).then_some(proxy)
}

/// Whether this entry of `NO_PROXY` excludes the host.
fn excludes(entry: &str, host: &str) -> bool {
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        // A name, and `*` too, excludes no address.
        return match entry.split_once('/') {
            None => entry.parse() == Ok(address),
            Some((network, bits)) => {
                let (network, bits) = (network.parse::<IpAddr>(), bits.parse::<u32>());
                matches!((network, bits), (Ok(network), Ok(bits)) if is_within(address, network, bits))
            }
        };
    }
    let name = entry.trim_start_matches('.');
    let is_below = || {
        let start = host.len().checked_sub(name.len());
        let (above, end) = start.and_then(|start| host.split_at_checked(start)).unwrap_or_default();
        above.ends_with('.') && end.eq_ignore_ascii_case(name)
    };
    entry == "*" || (!name.is_empty() && (host.eq_ignore_ascii_case(name) || is_below()))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            bits <= 32 && address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            bits <= 128 && address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::proxy_variable;

    /// The variable, in an environment of these.
    fn of(host: &str, environment: &[(&str, &str)]) -> Option<&'static str> {
        proxy_variable(host, |name| {
            environment.iter().find_map(|(set, value)| (*set == name).then(|| (*value).to_owned()))
        })
    }

    #[test]
    fn proxy_for_http_is_found_by_each_name() {
        const PROXY: &str = "http://proxy.example:3128";
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(of("127.0.0.1", &[(name, PROXY)]), Some(name));
            assert_eq!(of("localhost", &[(name, PROXY), ("NO_PROXY", "")]), Some(name));
        }
        assert_eq!(of("127.0.0.1", &[("HTTP_PROXY", ""), ("ALL_PROXY", PROXY)]), Some("ALL_PROXY"));
    }

    #[test]
    fn environment_without_proxy_for_http_is_silent() {
        for environment in [
            &[][..],
            &[("HTTPS_PROXY", "http://p")],
            &[("HTTP_PROXY", "")],
            &[("HTTP_PROXY", ""), ("http_proxy", "http://p")],
            &[("HTTP_PROXY", "http://p"), ("REQUEST_METHOD", "GET")],
        ] {
            assert_eq!(of("127.0.0.1", environment), None, "{environment:?}");
        }
    }

    #[test]
    fn host_that_no_proxy_excludes_is_silent() {
        for (host, excluded) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "example.com, 127.0.0.0/8"),
            ("127.0.0.1", "0.0.0.0/0"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("[::1]", "::1"),
            ("[::1]", "::1/128"),
            ("[::1]", "::/0"),
            ("localhost", "LOCALHOST"),
            ("localhost", ".localhost"),
            ("localhost", "*"),
            ("api.localhost", "localhost"),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                assert_eq!(of(host, &[("HTTP_PROXY", "http://p"), (name, excluded)]), None, "{host} {excluded}");
            }
        }
    }

    #[test]
    fn host_that_no_proxy_does_not_exclude_is_found() {
        for (host, excluded) in [
            ("127.0.0.1", "localhost"),
            ("127.0.0.1", "*"),
            ("127.0.0.1", "127.0.0.2,10.0.0.0/8,127.0.0.0/33,::1"),
            ("[::1]", "127.0.0.1,::2,::2/127,::/129"),
            ("localhost", "127.0.0.1"),
            ("localhost", "host,calhost,.,,api.localhost"),
        ] {
            let found = of(host, &[("HTTP_PROXY", "http://p"), ("NO_PROXY", excluded)]);
            assert_eq!(found, Some("HTTP_PROXY"), "{host} {excluded}");
        }
    }
}
