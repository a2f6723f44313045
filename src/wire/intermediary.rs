//! Pages of servers that stand between this program and the gateway: what is said of them in an error.

use std::borrow::Cow;

use reqwest::header::{CONTENT_ENCODING, HeaderMap, SERVER};

use super::text::{excerpt, redact};

/// In bytes. No title and no short text is further from the start of a page.
const MAX_SEARCHED: usize = 16 * 1024;
const MAX_CHARS: usize = 120;

/// What a body is, and who sent it: the page's title or the start of the text, and the headers that tell which server it was.
/// `None`: the body did not come whole.
pub(super) fn describe(body: Option<&[u8]>, headers: &HeaderMap, secret: &str) -> String {
    let start = body.and_then(|body| body.get(..body.len().min(MAX_SEARCHED)));
    let text = start.map(String::from_utf8_lossy).unwrap_or_default();
    let header = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut parts = vec![match (title(&text), header(CONTENT_ENCODING.as_str())) {
        (_, Some(encoding)) => format!("a body that is compressed with {}", short(&encoding)),
        (Some(title), None) if title.is_empty() => "a page without a title".to_owned(),
        (Some(title), None) => format!("a page with the title \"{}\"", short(&title)),
        (None, None) if text.trim().is_empty() => "no body that can be read".to_owned(),
        (None, None) => format!("the text \"{}\"", short(&text)),
    }];
    for name in [SERVER.as_str(), "via", "cf-ray", "cf-mitigated", "x-cache"] {
        if let Some(value) = header(name) {
            parts.push(format!("{name} {}", short(&value)));
        }
    }
    redact(secret, parts.join(", ").into()).into_owned()
}

/// The same, if the body is an HTML page.
pub(crate) fn describe_page(body: &[u8], headers: &HeaderMap, secret: &str) -> Option<String> {
    let start = body.get(..body.len().min(MAX_SEARCHED))?;
    title(&String::from_utf8_lossy(start)).map(|_| describe(Some(body), headers, secret))
}

/// The title of an HTML page, its blanks made one. Empty: there is none. `None`: the text is no HTML.
fn title(text: &str) -> Option<Cow<'_, str>> {
    let lower = text.to_ascii_lowercase(); // of the same length, byte for byte
    if !["<html", "<!doctype html", "<head", "<title", "<body"].iter().any(|tag| lower.contains(tag)) {
        return None;
    }
    let found = || {
        let tag = lower.find("<title")?;
        let start = tag.checked_add(lower.get(tag..)?.find('>')?)?.checked_add(1)?;
        let after = text.get(start..)?;
        after.get(..lower.get(start..)?.find("</title").unwrap_or(after.len()))
    };
    let title = found().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    Some(title.into())
}

/// Short enough for a part of a sentence.
fn short(text: &str) -> &str {
    let text = excerpt(text);
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(body: &str, headers: &[(&'static str, &'static str)]) -> String {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        describe(Some(body.as_bytes()), &headers.collect(), "secret-key")
    }

    #[test]
    fn page_is_named_by_title_and_server() {
        let page = "<!DOCTYPE html><HTML><head>\n<Title lang=\"en\">Just a\n  moment...</Title></head></HTML>";
        let headers = [("server", "cloudflare"), ("cf-ray", "8f2-AMS"), ("cf-mitigated", "challenge")];
        let expected =
            "a page with the title \"Just a moment...\", server cloudflare, cf-ray 8f2-AMS, cf-mitigated challenge";
        assert_eq!(described(page, &headers), expected);
    }

    #[test]
    fn page_without_whole_title_is_still_a_page() {
        for page in ["<html></html>", "<body>x", "<head><title></title>", "<title"] {
            assert_eq!(described(page, &[]), "a page without a title", "{page}");
        }
        assert_eq!(described("<title>é</titl", &[]), "a page with the title \"é</titl\"");
        let long = format!("<title>{}</title>", "é".repeat(500));
        assert_eq!(described(&long, &[]).chars().filter(|c| *c == 'é').count(), 120);
    }

    #[test]
    fn other_text_is_quoted_without_the_key() {
        assert_eq!(described("error code: 1020", &[]), "the text \"error code: 1020\"");
        assert_eq!(
            described("key secret-key is bad\n", &[("via", "1.1 proxy")]),
            "the text \"key [key] is bad\", via 1.1 proxy"
        );
        assert_eq!(described(" ", &[]), "no body that can be read");
        assert_eq!(described("\u{1f}\u{8b}", &[("content-encoding", "gzip")]), "a body that is compressed with gzip");
    }
}
