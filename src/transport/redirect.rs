//! Where a redirect leads, if it may be followed.

use reqwest::Url;
use reqwest::header::{HeaderMap, LOCATION};

/// The URL that a response to a request for `from` leads to. `None`: it is no redirect, or it leads to another origin. The key
/// goes to the base URL's origin only.
pub(super) fn within_origin(from: &Url, status: u16, headers: &HeaderMap) -> Option<Url> {
    let to = target(from, status, headers)?;
    let is_at_home = to.origin() == from.origin() && to.username().is_empty() && to.password().is_none();
    is_at_home.then_some(to)
}

/// The URL that a response to a request for `from` leads to, wherever that is. `None`: it is no redirect.
pub(crate) fn target(from: &Url, status: u16, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = std::str::from_utf8(headers.get(LOCATION)?.as_bytes()).ok()?;
    from.join(location).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(status: u16, location: &str) -> Option<String> {
        let from = Url::parse("https://host/api/v1/record?taskId=x").unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        within_origin(&from, status, &headers).map(Into::into)
    }

    #[test]
    fn redirect_within_origin_leads_somewhere() {
        for status in [301, 302, 303, 307, 308] {
            for (location, url) in [
                ("/v2?taskId=x", "https://host/v2?taskId=x"),
                ("https://host:443/v2", "https://host/v2"),
                ("//HOST/v2", "https://host/v2"),
                ("other?taskId=x", "https://host/api/v1/other?taskId=x"),
                ("", "https://host/api/v1/record?taskId=x"),
            ] {
                assert_eq!(leads_to(status, location).as_deref(), Some(url), "{status} {location:?}");
            }
        }
    }

    #[test]
    fn redirect_beyond_origin_leads_nowhere() {
        for location in [
            "https://other/v2",
            "http://host/v2",
            "https://host:8443/v2",
            "https://host.other/v2",
            "https://user@host/v2",
            "https://user:pass@host/v2",
            "https://",
            "data:,x",
        ] {
            assert_eq!(leads_to(302, location), None, "{location:?}");
        }
        assert_eq!(leads_to(200, "/v2"), None);
        assert_eq!(leads_to(304, "/v2"), None);
        let from = Url::parse("https://host/").unwrap();
        assert_eq!(within_origin(&from, 302, &HeaderMap::new()), None);
    }
}
