//! A base URL that makes no sense is refused, and the error says what to write.

use luma_watch::Client;

use crate::bad_input::{HAS_TLS, assert_refused};

#[test]
fn malformed_base_url_is_refused() {
    let cases = [
        ("", "base URL is empty: it should look like https://"),
        (" ", "base URL is empty"),
        ("/api/v1", "not a URL"),
        ("https://", "not a URL (empty host)"),
        ("http://", "not a URL"),
        ("https://a b", "not a URL"),
        ("https://host:99999", "not a URL (invalid port number)"),
        ("https://[::1", "not a URL"),
        ("https:///x", "names no host: it should look like https://api.apikley.ru"),
        ("http:////127.0.0.1", "names no host"),
        ("https:host", "not a URL"),
        ("ftp://x", "scheme is ftp: write https://x instead"),
        ("ftp://127.0.0.1:21/pass@", "scheme is ftp: write http://127.0.0.1 instead"),
        ("ws://user:pass@x", "scheme is ws: write https://x instead"),
        ("file:///etc/hosts", "scheme is file: it should look like https://api.apikley.ru"),
        ("$APIKLEY_BASE_URL", "is the name of a variable"),
        ("${GATEWAY:-https://pass@host}", "is the name of a variable"),
        ("data:,x", "not a URL"),
        ("https//host", "not a URL"),
        ("http//host/path", "not a URL"),
        ("user:pass@host", "not a URL"),
        ("//user:pass@host:1", "not a URL"),
        ("sk-5up3rs3cr3t", "not a URL"),
        ("sk_Pass.W0rd.pass@", "not a URL"),
        ("\"https://host\"", "in quotes"),
        ("'https://host", "in quotes"),
        ("“https://host”", "in quotes"),
        ("APIKLEY_BASE_URL=https://host", "name of its variable"),
        ("https://host:0", "port 0"),
        ("https://user@host", "user name or password"),
        ("https://user:pass@host", "user name or password: give it without, https://host"),
        ("https://user:pass@host/api/v1?key=pass@", "user name or password"),
        ("https://:pass@host", "user name or password"),
        ("https://host?key=pass", "query"),
        ("https://host/?", "query"),
        ("https://host/#pass", "fragment"),
    ];
    for (url, words) in cases {
        let outcome = Client::builder("key").base_url(url).build();
        assert_refused(url, outcome.clone(), &["base URL", words]);
        let error = format!("{:?}", outcome.unwrap_err());
        assert!(!error.contains("pass@") && !error.contains("5up3rs3cr3t"), "{url}: {error}");
    }
    for url in ["https://host", "https://host/", " https://host/a/b\n", "HTTPS://HOST:8443", "https://[2001:db8::1]/x"]
    {
        let outcome = Client::builder("key").base_url(url).build();
        if HAS_TLS {
            outcome.unwrap();
        } else {
            assert_refused(url, outcome, &["https needs the feature rustls or native-tls"]);
        }
    }
}

#[test]
fn base_url_without_scheme_is_completed_in_error() {
    for (url, complete) in [
        ("localhost:8080", "localhost:8080 has no scheme: write http://localhost:8080"),
        ("localhost", "write http://localhost"),
        ("127.0.0.1:8080", "127.0.0.1:8080 has no scheme: write http://127.0.0.1:8080"),
        ("127.0.0.1", "write http://127.0.0.1"),
        ("[::1]:8080", "[::1]:8080 has no scheme: write http://[::1]:8080"),
        ("api.apikley.ru", "api.apikley.ru has no scheme: write https://api.apikley.ru"),
        ("api.apikley.ru/api/v1", "write https://api.apikley.ru"),
        (" api.apikley.ru:8443?key=5up3rs3cr3t\n", "write https://api.apikley.ru:8443"),
        ("gateway:8080", "write https://gateway:8080"),
        ("10.0.0.1:80", "write https://10.0.0.1:80"),
        ("0.0.0.0:8080", "write http://127.0.0.1:8080"),
        ("[::]:8080", "write http://[::1]:8080"),
        ("//host", "host has no scheme: write https://host"),
        ("//api.apikley.ru/", "write https://api.apikley.ru"),
        ("//localhost", "write http://localhost"),
    ] {
        let outcome = Client::builder("key").base_url(url).build();
        assert_refused(url, outcome.clone(), &["base URL", complete]);
        let error = outcome.unwrap_err().to_string();
        assert!(error.ends_with(complete) && !error.contains("5up3rs3cr3t"), "{error}");
    }
}

#[test]
fn advice_for_plain_http_keeps_the_port() {
    let outcome = Client::builder("key").base_url("http://gateway:8080/base").build();
    assert_refused("http://gateway:8080/base", outcome, &["plain http to gateway:", "write https://gateway:8080, "]);
}

#[test]
fn advice_never_names_an_address_to_listen_on() {
    for (url, advice) in
        [("http://0.0.0.0:8080/x", "write http://127.0.0.1:8080"), ("http://[::]", "write http://[::1]")]
    {
        let error = Client::builder("key").base_url(url).build().unwrap_err().to_string();
        assert!(error.contains("an address to listen on") && error.ends_with(advice), "{error}");
    }
}

#[test]
fn base_url_with_endpoint_path_is_refused() {
    for (url, words) in [
        ("https://host/api/v1", "already holds the endpoint's path /api/v1: give https://host"),
        ("https://host/api/v1/", "path /api/v1: give https://host"),
        ("https://host//api//v1//", "path /api/v1: give https://host"),
        ("https://host/API/V1", "path /api/v1: give https://host"),
        ("https://host/api/v1/modify", "path /api/v1/modify: give https://host"),
        ("https://host/api/v1/modify/record-info", "path /api/v1/modify/record-info: give https://host"),
        ("https://host/api/v1/modify/record-info/", "path /api/v1/modify/record-info: give https://host"),
        ("https://host:8443/api/v1/modify/record-info?taskId=5up3rs3cr3t", "give https://host:8443"),
        ("https://host/api/v1/modify/generate", "path /api/v1/modify: give https://host"),
        ("https://host/5up3rs3cr3t/api/v1", "give https://host, and the path before that part"),
        ("http://127.0.0.1:8080/api/v1/modify", "give http://127.0.0.1:8080"),
    ] {
        let outcome = Client::builder("key").base_url(url).build();
        assert_refused(url, outcome.clone(), &["base URL", words]);
        let error = format!("{:?}", outcome.unwrap_err());
        assert!(!error.contains("5up3rs3cr3t"), "{error}");
    }
    for path in
        ["proxy/api", "api", "api/", "v1", "api/v2", "my-api/v1", "api/v10", "api/v1/proxy", "v1/modify", "record-info"]
    {
        Client::builder("key").base_url(format!("http://localhost/{path}")).build().unwrap();
    }
}

#[test]
fn plain_http_is_accepted_on_loopback_only() {
    let elsewhere = "api.apikley.ru example.com 10.0.0.1 192.168.1.1 0.0.0.0 128.0.0.1 [::] [::2] [fe80::1] localhost.example.com \
                     notlocalhost 127.0.0.1.example.com";
    for host in elsewhere.split_whitespace() {
        let url = format!("http://{host}/path");
        assert_refused(
            &url,
            Client::builder("key").base_url(&url).build(),
            &["base URL", "plain http", host, "API key"],
        );
    }
    for host in ["localhost", "LocalHost:80", "127.0.0.1", "127.9.9.9", "127.1", "2130706433", "[::1]", "[::1]:8080"] {
        Client::builder("key").base_url(format!("http://{host}")).build().unwrap();
    }
}
