//! Why a request has no response, in plain words: from the causes that the HTTP client gives.
//!
//! By their types where there are some. hyper, h2, rustls and the TLS of the operating system are no dependencies of this
//! crate, so their errors are known by their texts.

use std::error::Error as StdError;
use std::{io, iter};

use crate::error::ErrorKind;

/// What a request without a response was about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// There was no connection yet.
    pub(super) connecting: bool,
    /// A timeout is over: of the HTTP client, or of the operating system.
    pub(super) timed_out: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Cause {
    pub(super) kind: ErrorKind,
    pub(super) text: String,
    pub(super) lasts: Lasts,
}

/// Whether a repeat can help.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lasts {
    /// It can.
    Passes,
    /// It cannot, unless it has worked before.
    IfNew,
    /// It cannot.
    Always,
}

/// The cause of a failed attempt. `causes`: from the outermost to the last.
pub(super) fn cause(attempt: Attempt<'_>, causes: &[&(dyn StdError + 'static)]) -> Cause {
    let Attempt { host, port, connecting, timed_out } = attempt;
    let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
    let says = |part: &str| texts.iter().any(|text| text.contains(part));
    let ios = || causes.iter().filter_map(|cause| cause.downcast_ref()).flat_map(with_inner);
    let is_io = |kinds: &[io::ErrorKind]| ios().any(|error| kinds.contains(&error.kind()));
    let last = texts.last().map_or("no reason is given", |text| excerpt(text));
    // Once there is a tunnel, the errors are the gateway's, and do not name it any more.
    let by_proxy = says("tunnel error: failed to create underlying connection");
    let name = if by_proxy { "the proxy's host name".to_owned() } else { format!("the host name {host}") };
    let peer = if by_proxy { "the proxy".to_owned() } else { format!("{host}:{port}") };

    if says("proxy authorization required") {
        return lasting(Lasts::IfNew, "the proxy asks for a user name and a password (407)");
    }
    if let Some(scheme) = texts.iter().find_map(|text| text.strip_prefix("unsupported scheme ")) {
        return lasting(Lasts::IfNew, format!("the HTTP client does not support proxies of the scheme {scheme}"));
    }
    if says("scheme is not http") {
        return lasting(Lasts::IfNew, "the HTTP client was built without TLS, or does not support its proxy's scheme");
    }
    if says("tunnel error: unsuccessful") || says("tunnel error: unexpected end of file") {
        return passing(format!("the proxy opens no connection to {peer}"));
    }
    if let Some(text) = ios().find_map(too_many_open_files) {
        return passing(text);
    }
    if says("dns error") || says("error resolving DNS") {
        if ios().any(says_unknown_name) || says("no records found") {
            return lasting(Lasts::IfNew, format!("{name} does not exist"));
        }
        let last = last.trim_start_matches("failed to lookup address information: ");
        return passing(format!("{name} cannot be looked up: {last}"));
    }
    if says("invalid dns name") {
        return lasting(Lasts::IfNew, format!("{name} is not valid"));
    }
    if let Some(text) = texts.iter().map(|text| text.to_ascii_lowercase()).find(|text| text.contains("certificate")) {
        let whose = if by_proxy { "the proxy's" } else { "the" };
        return lasting(Lasts::Always, of_certificate(&text, whose, host));
    }
    if timed_out {
        let text = if says("keep-alive timed out") {
            "the HTTP/2 connection is dead: a ping was not answered".to_owned()
        } else if connecting {
            format!("no connection to {peer} within the connect timeout")
        } else if is_io(&[io::ErrorKind::TimedOut]) {
            "the connection is dead: the other side does not answer any more".to_owned()
        } else {
            "a timeout that is set in the HTTP client is over".to_owned()
        };
        return Cause { kind: ErrorKind::Timeout, text, lasts: Lasts::Passes };
    }
    let was_closed = is_io(&CLOSED) || says("unexpected EOF") || says("connection closed before message completed");
    passing(if connecting {
        while_connecting(&peer, was_closed, &is_io, &says, last)
    } else if was_closed {
        BROKEN.to_owned()
    } else if let Some(text) = texts.iter().find(|text| is_not_http(text)) {
        let hint = if text.contains("HTTP version") { "; is it a port for TLS or for HTTP/2?" } else { "" };
        format!("what {peer} sends is not HTTP ({}){hint}", excerpt(text))
    } else if says("http2 error") {
        format!("the HTTP/2 connection failed: {last}")
    } else {
        format!("{BROKEN}: {last}")
    })
}

pub(super) const BROKEN: &str = "the connection broke before an answer";

/// An I/O error, and those that it wraps: `source` passes over them.
fn with_inner(error: &io::Error) -> impl Iterator<Item = &io::Error> {
    iter::successors(Some(error), |error| error.get_ref()?.downcast_ref())
}

const CLOSED: [io::ErrorKind; 4] = [
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::UnexpectedEof,
];

fn passing(text: impl Into<String>) -> Cause {
    lasting(Lasts::Passes, text)
}

fn lasting(lasts: Lasts, text: impl Into<String>) -> Cause {
    Cause { kind: ErrorKind::Transport, text: text.into(), lasts }
}

fn while_connecting(
    peer: &str,
    was_closed: bool,
    is_io: &impl Fn(&[io::ErrorKind]) -> bool,
    says: &impl Fn(&str) -> bool,
    last: &str,
) -> String {
    use io::ErrorKind as K;
    // The first records of a server without TLS, as rustls and OpenSSL see them.
    const NOT_TLS: [&str; 4] = ["InvalidContentType", "wrong version number", "packet length too long", "http request"];
    if is_io(&[K::ConnectionRefused]) {
        format!("{peer} refuses the connection")
    } else if is_io(&[K::NetworkUnreachable, K::NetworkDown, K::HostUnreachable, K::NotConnected]) {
        format!("{peer} cannot be reached from this machine's network")
    } else if is_io(&[K::AddrNotAvailable]) {
        format!("this machine has no free port for a connection to {peer}")
    } else if is_io(&[K::PermissionDenied]) {
        format!("this machine does not allow a connection to {peer}")
    } else if NOT_TLS.iter().any(|part| says(part)) {
        format!("{peer} does not speak TLS; is it a port for http?")
    } else if was_closed || says("handshake eof") {
        format!("{peer} closed the connection before it was set up")
    } else if says("fatal alert") || says(" alert ") {
        format!("{peer} refuses the TLS handshake: {last}")
    } else {
        format!("no connection to {peer}: {last}")
    }
}

/// `text`: in small letters.
fn of_certificate(text: &str, whose: &str, host: &str) -> String {
    const REASONS: [(&[&str], &str); 5] = [
        // Before the others, which it mentions.
        (&["revocation"], "it is not known whether it was revoked"),
        (&["revoked"], "it was revoked"),
        (&["not valid yet", "notvalidyet", "not yet valid"], "it is not valid yet, by this machine's clock"),
        (&["expired"], "it has expired, by this machine's clock"),
        (
            &[
                "unknownissuer",
                "self-signed",
                "self signed",
                "local issuer",
                "verify the first",
                "untrusted",
                "unable to get issuer",
            ],
            "its issuer is not known to this machine",
        ),
    ];
    const OTHER_NAME: [&str; 5] =
        ["not valid for", "notvalidforname", "name mismatch", "address mismatch", "not match"];
    // The other side says so, of a certificate of ours.
    if text.contains("fatal alert") || text.contains(" alert ") {
        return format!("{host} asks for a certificate of the client, or does not accept it");
    }
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&OTHER_NAME) {
        return format!("{whose} TLS certificate is not trusted: it is for another name than {host}");
    }
    let reason = REASONS.iter().find(|(parts, _)| has(parts)).map_or_else(|| excerpt(text), |(_, reason)| reason);
    format!("{whose} TLS certificate is not trusted: {reason}")
}

/// The resolver knows that there is no such name, or none with an address. Other failures of it pass.
fn says_unknown_name(error: &io::Error) -> bool {
    // Of glibc, musl, Apple, glibc again, Windows.
    const TEXTS: [&str; 5] = [
        "name or service not known",
        "name does not resolve",
        "nodename nor servname",
        "no address associated with",
        "no such host is known",
    ];
    let text = error.to_string().to_ascii_lowercase();
    TEXTS.iter().any(|part| text.contains(part))
}

fn too_many_open_files(error: &io::Error) -> Option<&'static str> {
    let (process, system) = if cfg!(windows) { (10_024, None) } else { (24, Some(23)) };
    match error.raw_os_error() {
        code if code == Some(process) => Some("this process has too many files and connections open"),
        code if code.is_some() && code == system => Some("this machine has too many files and connections open"),
        _ => None,
    }
}

/// hyper's texts for an answer that it cannot read.
fn is_not_http(text: &str) -> bool {
    text.starts_with("invalid ") && text.ends_with("parsed")
        || [
            "invalid HTTP version",
            "received unexpected message",
            "message head is too large",
            "unexpected transfer-encoding",
        ]
        .iter()
        .any(|start| text.starts_with(start))
}

/// Short, and without what the server adds to the end of an HTTP/2 connection, which may repeat anything.
fn excerpt(text: &str) -> &str {
    const MAX_CHARS: usize = 200;
    let text = text.split(" (b\"").next().unwrap_or_default();
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| text.get(..end).unwrap_or_default()).trim_end()
}

#[cfg(test)]
mod tests;
