//! Which URLs a file is fetched from: https and public addresses, unless private ones are allowed.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Why no file is fetched from a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The scheme is neither http nor https.
    Scheme,
    /// A redirect to http.
    Downgrade,
    /// A user name or a password in the URL.
    Credentials,
    /// The address is not public.
    Private,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "it is neither https nor http",
            Self::Downgrade => "a redirect leads to plain http",
            Self::Credentials => "it has a user name or a password",
            Self::Private => {
                "its host has a private, loopback or link-local address; DownloadOptions::allow_private_addresses allows them"
            }
        })
    }
}

impl StdError for Blocked {}

/// Checks a URL, or the target of a redirect. Of a name, only [its addresses](is_public) can say whether it is private.
pub(super) fn check(url: &Url, is_redirect: bool, private_allowed: bool) -> Result<(), Blocked> {
    if !matches!(url.scheme(), "https" | "http") {
        return Err(Blocked::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Blocked::Credentials);
    }
    let is_private = address(url).is_some_and(|address| !is_public(address)) || is_local_name(url);
    if is_private && !private_allowed {
        return Err(Blocked::Private);
    }
    if is_redirect && url.scheme() == "http" && !is_private {
        return Err(Blocked::Downgrade);
    }
    Ok(())
}

fn address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// RFC 6761 §6.3.
fn is_local_name(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default().trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address belongs to the internet: none of the special purposes of RFC 6890, and no multicast.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network; shared by the customers of a provider; protocol assignments; benchmarks; reserved.
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // An IPv4 address inside: mapped; translated by NAT64; 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        // Local NAT64; protocol assignments (Teredo, ORCHID); documentation.
        [0x64, 0xff9b, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast (RFC 4291 §2.4). Unique local, link-local and multicast addresses are beyond it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, is_redirect: bool, private_allowed: bool) -> Result<(), Blocked> {
        check(&Url::parse(url).unwrap(), is_redirect, private_allowed)
    }

    #[test]
    fn private_address_is_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.1",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in
            ["1.1.1.1", "172.32.0.1", "192.0.1.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn each_spelling_of_private_host_is_blocked() {
        for url in [
            "https://127.0.0.1/v.mp4",
            "https://2130706433/v.mp4",
            "https://0x7f.1/v.mp4",
            "https://[::1]/v.mp4",
            "https://[::ffff:169.254.169.254]/v.mp4",
            "https://localhost/v.mp4",
            "https://LOCALHOST./v.mp4",
            "https://a.localhost/v.mp4",
        ] {
            assert_eq!(checked(url, false, false), Err(Blocked::Private), "{url}");
            assert_eq!(checked(url, true, true), Ok(()), "{url}");
        }
    }

    #[test]
    fn redirect_leads_to_https_only() {
        assert_eq!(checked("http://host/v.mp4", false, false), Ok(()));
        assert_eq!(checked("http://host/v.mp4", true, false), Err(Blocked::Downgrade));
        assert_eq!(checked("http://host/v.mp4", true, true), Err(Blocked::Downgrade));
        assert_eq!(checked("http://127.0.0.1/v.mp4", true, true), Ok(()));
        assert_eq!(checked("https://host/v.mp4", true, false), Ok(()));
        assert_eq!(checked("file:///etc/passwd", true, true), Err(Blocked::Scheme));
        assert_eq!(checked("ftp://host/v.mp4", false, true), Err(Blocked::Scheme));
        assert_eq!(checked("https://user:password@host/v.mp4", false, false), Err(Blocked::Credentials));
    }
}
