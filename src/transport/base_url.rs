//! The base URL, checked, and the endpoint's URL below it.

use reqwest::Url;

use crate::error::Error;

/// The endpoint's URL below the base URL, which is checked.
pub(super) fn endpoint_url(base_url: &str, path: &str) -> Result<Url, Error> {
    // What is wrong is said without the URL: it may hold a password.
    let mut url = Url::parse(base_url.trim()).map_err(|error| {
        Error::config("the base URL is not a URL: it should look like https://api.apikley.ru").caused_by(error)
    })?;
    let host = url.host_str().unwrap_or_default().to_owned();
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => {
            return Err(Error::config(format!(
                "the base URL is plain http to {host}: the API key would travel unencrypted (http is for loopback only)"
            )));
        }
        scheme => return Err(Error::config(format!("the base URL's scheme is {scheme}: use https"))),
    }
    if host.is_empty() || url.port() == Some(0) {
        return Err(Error::config("the base URL names no host, or port 0"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("the base URL holds a user name or password: leave it out"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config("the base URL has a query or a fragment: leave it out"));
    }
    let path = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}
