//! The base URL, checked, and the endpoint's URL below it.

use std::net::IpAddr;

use reqwest::Url;

use super::api_key::{is_quoted, is_unexpanded};
use crate::error::Error;

const EXAMPLE: &str = "https://api.apikley.ru";

/// The endpoint's URL below the base URL, which is checked.
///
/// What is wrong is said with the scheme and the host at most: the rest may hold a password.
pub(super) fn endpoint_url(base_url: &str, path: &str) -> Result<Url, Error> {
    let text = base_url.trim();
    if text.is_empty() {
        return Err(Error::config(format!("the base URL is empty: it should look like {EXAMPLE}")));
    }
    if is_quoted(text) {
        return Err(Error::config("the base URL is in quotes: give it without them"));
    }
    if text.starts_with("APIKLEY_BASE_URL") {
        return Err(Error::config("the base URL begins with the name of its variable: give only what follows the ="));
    }
    if is_unexpanded(text, "APIKLEY_BASE_URL") {
        return Err(Error::config(
            "the base URL is the name of a variable, which nothing has replaced by its value: give the value",
        ));
    }
    if let Some(given) = host_without_scheme(text) {
        let host = host_of(&given);
        let port = given.get(host.len()..).unwrap_or_default();
        return Err(Error::config(format!("the base URL {given} has no scheme: write {}", advised(host, port))));
    }
    let mut url = Url::parse(text).map_err(|error| {
        // The parser's words hold nothing of the text.
        Error::config(format!("the base URL is not a URL ({error}): it should look like {EXAMPLE}")).caused_by(error)
    })?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let Some((_, after_scheme)) = text.split_once("://") else {
        // What stands before the colon may be a user's name, or anything else.
        return Err(Error::config(format!("the base URL is not a URL: it should look like {EXAMPLE}")));
    };
    match url.scheme() {
        "http" | "https" if after_scheme.starts_with(['/', '\\']) => {
            return Err(Error::config(format!("the base URL names no host: it should look like {EXAMPLE}")));
        }
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" if is_unspecified(&host) => {
            return Err(Error::config(format!(
                "the base URL is plain http to {host}, which is an address to listen on, and not one to send the API key to: write {}",
                advised(&host, &port)
            )));
        }
        "http" => {
            return Err(Error::config(format!(
                "the base URL is plain http to {host}: the API key would travel unencrypted; write https://{host}{port}, http is for loopback addresses only"
            )));
        }
        scheme if host.is_empty() => {
            return Err(Error::config(format!("the base URL's scheme is {scheme}: it should look like {EXAMPLE}")));
        }
        scheme => {
            return Err(Error::config(format!(
                "the base URL's scheme is {scheme}: write {} instead",
                advised(&host, "")
            )));
        }
    }
    if url.port() == Some(0) {
        return Err(Error::config(format!("the base URL names the port 0, which no server has: {host}")));
    }
    let origin = url.origin().ascii_serialization();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config(format!("the base URL holds a user name or password: give it without, {origin}")));
    }
    if let Some(below) = part_of_endpoint(url.path(), path) {
        let before = if below.has_prefix { ", and the path before that part" } else { "" };
        return Err(Error::config(format!(
            "the base URL already holds the endpoint's path /{}: give {origin}{before}",
            below.part
        )));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config(format!("the base URL {origin} has a query or a fragment: leave it out")));
    }
    let path = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

/// An address that a server listens on, and at which none is reached.
fn is_unspecified(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.is_ok_and(|address| address.is_unspecified())
}

/// The origin to write for this host. `port`: with its colon, or empty.
fn advised(host: &str, port: &str) -> String {
    match host {
        "[::]" => format!("http://[::1]{port}"),
        _ if is_unspecified(host) => format!("http://127.0.0.1{port}"),
        _ if is_loopback(host) => format!("http://{host}{port}"),
        _ => format!("https://{host}{port}"),
    }
}

/// What of the endpoint's path a base URL holds.
struct Below<'a> {
    part: &'a str,
    /// Whether there is more before it.
    has_prefix: bool,
}

/// The part of the endpoint's path that the base URL's path ends with, or that stands in it up to its last but one segment, as
/// another endpoint's does. One segment alone is no such part: a prefix may end in `api`.
fn part_of_endpoint<'a>(base: &str, endpoint: &'a str) -> Option<Below<'a>> {
    let base: Vec<&str> = base.split('/').filter(|segment| !segment.is_empty()).collect();
    let ends: Vec<usize> = endpoint.match_indices('/').map(|(at, _)| at).chain([endpoint.len()]).collect();
    let sibling = ends.len().saturating_sub(1);
    // The longest part first.
    for (count, end) in ends.iter().enumerate().skip(1).rev().map(|(index, end)| (index.saturating_add(1), *end)) {
        let part = endpoint.get(..end).unwrap_or_default();
        let is_part = |window: &[&str]| window.iter().zip(part.split('/')).all(|(a, b)| a.eq_ignore_ascii_case(b));
        let found = base.windows(count).position(is_part);
        if let Some(start) = found.filter(|start| count >= sibling || start.saturating_add(count) == base.len()) {
            return Some(Below { part, has_prefix: start > 0 });
        }
    }
    None
}

/// Host and port of a text that would be a URL if it had a scheme. `None`: it has one, or it is something else, and may be a
/// secret.
fn host_without_scheme(text: &str) -> Option<String> {
    let after_slashes = text.strip_prefix("//");
    let rest = after_slashes.unwrap_or(text);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let is_url = rest.get(authority.len()..).unwrap_or_default().starts_with("//");
    if is_url || authority.contains('@') {
        return None;
    }
    let host = host_of(authority);
    if host.is_empty() || Url::parse(&format!("https://{authority}")).is_err() {
        return None;
    }
    let has_port = authority.len() > host.len().saturating_add(1);
    let is_ip = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_label = |label: &str| {
        (1..=30).contains(&label.len()) && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    // A key has capitals and underscores, and neither port nor dots.
    let is_name = host.split('.').all(is_label) && (has_port || host.contains('.') || host == "localhost");
    (after_slashes.is_some() || is_ip || is_name).then(|| authority.to_owned())
}

/// The host of an authority without a user, with the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    let end = authority.rfind(']').map_or(0, |bracket| bracket.saturating_add(1));
    let port = authority.get(end..).unwrap_or_default().find(':').map(|colon| end.saturating_add(colon));
    authority.get(..port.unwrap_or(authority.len())).unwrap_or_default()
}
