use std::error::Error as StdError;
use std::{fmt, io, iter};

use super::*;

/// A made-up cause and those below it.
#[derive(Debug)]
struct Link(&'static str, Option<Box<dyn StdError + Send + Sync>>);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Link {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

const HOST: &str = "api.example.com";

fn found(connecting: bool, timed_out: bool, texts: &[&'static str], io: Option<io::Error>) -> Cause {
    let last = io.map(|io| Box::new(io) as Box<dyn StdError + Send + Sync>);
    let chain = texts.iter().rfold(last, |source, text| Some(Box::new(Link(text, source))));
    let outermost = chain.as_deref().map(|cause| cause as &(dyn StdError + 'static));
    let causes: Vec<_> = iter::successors(outermost, |&cause| cause.source()).collect();
    cause(Attempt { host: HOST, port: 443, connecting, timed_out }, &causes)
}

#[track_caller]
fn connecting(texts: &[&'static str], io: impl Into<Option<io::Error>>) -> (String, Lasts) {
    let Cause { kind, text, lasts } = found(true, false, texts, io.into());
    assert_eq!(kind, ErrorKind::Transport);
    (text, lasts)
}

#[track_caller]
fn connected(texts: &[&'static str], io: impl Into<Option<io::Error>>) -> String {
    let Cause { kind, text, lasts } = found(false, false, texts, io.into());
    assert_eq!((kind, lasts), (ErrorKind::Transport, Lasts::Passes));
    text
}

fn resolver(text: &str) -> io::Error {
    io::Error::other(format!("failed to lookup address information: {text}"))
}

#[test]
fn name_that_does_not_exist_lasts_if_new() {
    for text in [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
        "No address associated with hostname",
        "No such host is known. (os error 11001)",
    ] {
        let expected = ("the host name api.example.com does not exist".to_owned(), Lasts::IfNew);
        assert_eq!(connecting(&["client error (Connect)", "dns error"], resolver(text)), expected);
    }
    let (text, lasts) = connecting(
        &["tunnel error: failed to create underlying connection", "dns error"],
        resolver("Name does not resolve"),
    );
    assert_eq!((text.as_str(), lasts), ("the proxy's host name does not exist", Lasts::IfNew));
}

#[test]
fn host_name_that_is_not_valid_lasts_if_new() {
    let found = connecting(&["client error (Connect)", r#"invalid dns name: ["a..b"]"#], None);
    assert_eq!(found, ("the host name api.example.com is not valid".to_owned(), Lasts::IfNew));
}

#[test]
fn temporary_failure_of_resolver_passes() {
    for text in ["Temporary failure in name resolution", "Try again", "Non-recoverable failure in name resolution"] {
        let (sentence, lasts) = connecting(&["dns error", "error resolving DNS"], resolver(text));
        assert_eq!(sentence, format!("the host name api.example.com cannot be looked up: {text}"));
        assert_eq!(lasts, Lasts::Passes);
    }
    // A custom resolver's error may speak of certificates and names.
    let (sentence, lasts) = connecting(&["error resolving DNS", "certificate of the name server expired"], None);
    assert!(sentence.contains("cannot be looked up") && lasts == Lasts::Passes, "{sentence}");
}

#[test]
fn io_kinds_while_connecting_are_said() {
    use io::ErrorKind as K;
    for (kind, expected) in [
        (K::ConnectionRefused, "api.example.com:443 refuses the connection"),
        (K::NetworkUnreachable, "api.example.com:443 cannot be reached from this machine's network"),
        (K::NetworkDown, "api.example.com:443 cannot be reached from this machine's network"),
        (K::HostUnreachable, "api.example.com:443 cannot be reached from this machine's network"),
        (K::NotConnected, "api.example.com:443 cannot be reached from this machine's network"),
        (K::AddrNotAvailable, "this machine has no free port for a connection to api.example.com:443"),
        (K::PermissionDenied, "this machine does not allow a connection to api.example.com:443"),
        (K::ConnectionReset, "api.example.com:443 closed the connection before it was set up"),
        (K::UnexpectedEof, "api.example.com:443 closed the connection before it was set up"),
    ] {
        let found = connecting(&["client error (Connect)", "tcp connect error"], io::Error::from(kind));
        assert_eq!(found, (expected.to_owned(), Lasts::Passes));
    }
    let wrapped = io::Error::other(io::Error::from(K::ConnectionReset));
    assert!(connecting(&["client error (Connect)"], wrapped).0.contains("closed the connection before"));
    let by_proxy = ["tunnel error: failed to create underlying connection", "tcp connect error"];
    let (text, _) = connecting(&by_proxy, io::Error::from(K::ConnectionRefused));
    assert_eq!(text, "the proxy refuses the connection");
}

#[cfg(unix)]
#[test]
fn too_many_open_files_is_said_wherever() {
    let (process, machine) = ("this process has too many", "this machine has too many");
    for (code, start) in [(24, process), (23, machine)] {
        for texts in [&["tcp open error"][..], &["dns error", "error resolving DNS"], &[]] {
            let (text, lasts) = connecting(texts, io::Error::from_raw_os_error(code));
            assert!(text.starts_with(start) && lasts == Lasts::Passes, "{text}");
        }
    }
    let (text, _) = connecting(&[], io::Error::from_raw_os_error(111));
    assert!(!text.contains("open"), "{text}");
}

#[test]
fn certificates_last_and_say_why() {
    for (text, expected) in [
        ("invalid peer certificate: UnknownIssuer", "its issuer is not known"),
        (
            "error:0A000086:SSL routines::certificate verify failed: (self-signed certificate)",
            "its issuer is not known",
        ),
        ("certificate verify failed: (unable to get local issuer certificate)", "its issuer is not known"),
        ("invalid peer certificate: certificate expired: verification time 2 (UNIX), ...", "it has expired"),
        ("certificate verify failed: (certificate has expired)", "it has expired"),
        ("invalid peer certificate: certificate not valid yet: verification time 2", "it is not valid yet"),
        ("certificate verify failed: (certificate is not yet valid)", "it is not valid yet"),
        ("invalid peer certificate: Revoked", "it was revoked"),
        ("invalid peer certificate: certificate revocation list expired: ...", "it is not known whether"),
        (
            r#"invalid peer certificate: certificate not valid for name "a"; certificate is only valid for b"#,
            "another name",
        ),
        ("certificate verify failed: (hostname mismatch)", "it is for another name than api.example.com"),
        ("invalid peer certificate: BadSignature", "badsignature"),
    ] {
        let (sentence, lasts) = connecting(&["client error (Connect)", text], None);
        assert!(sentence.starts_with("the TLS certificate is not trusted: "), "{sentence}");
        assert!(sentence.contains(expected) && lasts == Lasts::Always, "{text}: {sentence}");
    }
}

#[test]
fn missing_certificate_of_client_lasts() {
    for text in
        ["received fatal alert: CertificateRequired", "error:0A00045C:SSL routines::tlsv13 alert certificate required"]
    {
        let (sentence, lasts) = connecting(&["client error (Connect)", text], None);
        assert!(sentence.contains("asks for a certificate of the client") && lasts == Lasts::Always, "{sentence}");
    }
}

#[test]
fn refused_proxies_and_tunnels_are_told_apart() {
    let tunnel = |text| connecting(&["client error (Connect)", text], None);
    let (text, lasts) = tunnel("tunnel error: proxy authorization required");
    assert!(text.contains("user name and a password (407)") && lasts == Lasts::IfNew, "{text}");
    for scheme in ["unsupported scheme socks5", "unsupported scheme socks4a"] {
        let (text, lasts) = tunnel(scheme);
        assert!(text.contains("the scheme socks") && lasts == Lasts::IfNew, "{text}");
    }
    let (text, lasts) = tunnel("invalid URL, scheme is not http");
    assert!(text.contains("without TLS") && lasts == Lasts::IfNew, "{text}");
    for text in ["tunnel error: unsuccessful", "tunnel error: unexpected end of file"] {
        assert_eq!(tunnel(text), ("the proxy opens no connection to api.example.com:443".to_owned(), Lasts::Passes));
    }
}

#[test]
fn timeouts_say_which_one_it_was() {
    let timeout = |connecting, texts: &[&'static str], io: Option<io::Error>| {
        let Cause { kind, text, lasts } = found(connecting, true, texts, io);
        assert_eq!((kind, lasts), (ErrorKind::Timeout, Lasts::Passes));
        text
    };
    let late = || Some(io::Error::from(io::ErrorKind::TimedOut));
    assert!(timeout(true, &["operation timed out"], None).contains("within the connect timeout"));
    assert!(timeout(true, &["tcp connect error"], late()).contains("within the connect timeout"));
    assert!(
        timeout(false, &["http2 error", "keep-alive timed out", "operation timed out"], None).contains("a ping was")
    );
    assert!(timeout(false, &["connection error"], late()).contains("is dead"));
    assert!(timeout(false, &["operation timed out"], None).contains("set in the HTTP client"));
}

#[test]
fn ports_of_other_protocols_are_told() {
    for text in
        ["received corrupt message of type InvalidContentType", "error:0A00010B:SSL routines::wrong version number:"]
    {
        assert!(connecting(&["client error (Connect)", text], None).0.contains("does not speak TLS"), "{text}");
    }
    let text = connected(&["client error (SendRequest)", "invalid HTTP version parsed"], None);
    assert_eq!(
        text,
        "what api.example.com:443 sends is not HTTP (invalid HTTP version parsed); is it a port for TLS or for HTTP/2?"
    );
    for text in [
        "invalid HTTP header parsed",
        "invalid HTTP status-code parsed",
        "message head is too large",
        "received unexpected message from connection",
    ] {
        assert!(connected(&["client error (SendRequest)", text], None).contains("is not HTTP ("), "{text}");
    }
    let (text, _) = connecting(&["received fatal alert: HandshakeFailure"], None);
    assert!(text.contains("refuses the TLS handshake"), "{text}");
}

#[test]
fn connection_that_ends_after_request_broke() {
    for kind in CLOSED {
        assert_eq!(connected(&["connection error"], io::Error::from(kind)), BROKEN);
    }
    assert_eq!(connected(&["connection closed before message completed"], None), BROKEN);
}

#[test]
fn unknown_cause_is_quoted_short_and_without_data() {
    let text =
        connected(&["http2 error", r#"connection error received: not a result of an error (b"Bearer sk-1")"#], None);
    assert_eq!(text, "the HTTP/2 connection failed: connection error received: not a result of an error");
    let long: &'static str = Box::leak("é".repeat(900).into_boxed_str());
    assert_eq!(connecting(&[long], None).0, format!("no connection to api.example.com:443: {}", "é".repeat(200)));
    assert_eq!(connected(&[], None), format!("{BROKEN}: no reason is given"));
}
