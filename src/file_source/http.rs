//! Files over HTTP: redirects are followed where [the rules](super::address) allow it, and no key is sent.

use std::error::Error as StdError;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Request, Response, Url};

use super::address::{Blocked, check};
use super::clients::FileClients;
use super::message::{FileBody, FileRequest, FileResponse, host};
use crate::error::{Error, ErrorKind};
use crate::transport::{causes, failure, target};

const MAX_REDIRECTS: u32 = 10;

pub(crate) struct HttpFiles {
    clients: FileClients,
    on_this_machine: bool,
}

impl HttpFiles {
    pub(super) fn new(on_this_machine: bool) -> Self {
        Self { clients: FileClients::default(), on_this_machine }
    }

    pub(super) async fn fetch(&self, request: FileRequest<'_>) -> Result<FileResponse, Error> {
        let private_allowed = request.private_addresses.unwrap_or(self.on_this_machine);
        let mut url = request.url.clone();
        for followed in 0..=MAX_REDIRECTS {
            url.set_fragment(None); // it is not sent, and no answer's URL has one
            check(&url, followed > 0, private_allowed).map_err(|blocked| of_blocked(&url, blocked))?;
            let client = match request.client {
                Some(client) => client.clone(),
                None => self.clients.present(&url, private_allowed)?,
            };
            let response = client.execute(to_send(url.clone(), request.rest)).await.map_err(|error| of(&url, error))?;
            if *response.url() != url {
                // The user's client has followed a redirect by itself.
                check(response.url(), true, private_allowed).map_err(|blocked| of_blocked(response.url(), blocked))?;
            }
            match target(response.url(), response.status().as_u16(), response.headers()) {
                Some(next) => url = next,
                None => return Ok(of_response(response)),
            }
        }
        let text = format!("there are more than {MAX_REDIRECTS} redirects, the last one from {}", host(&url));
        Err(Error::new(ErrorKind::BlockedUrl, text))
    }
}

fn to_send(url: Url, rest: Option<(u64, &str)>) -> Request {
    let mut request = Request::new(Method::GET, url);
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // Compressed bytes could be neither counted nor gone on with.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some((offset, validator)) = rest {
        let range = HeaderValue::try_from(format!("bytes={offset}-"));
        if let (Ok(range), Ok(validator)) = (range, HeaderValue::from_str(validator)) {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, validator);
        }
    }
    request
}

fn of_response(mut response: Response) -> FileResponse {
    let headers = std::mem::take(response.headers_mut());
    let (status, host) = (response.status().as_u16(), host(response.url()));
    FileResponse { status, headers, host, body: FileBody::Http(response) }
}

fn of(url: &Url, error: reqwest::Error) -> Error {
    match blocked(&error) {
        Some(blocked) => of_blocked(url, blocked),
        None => failure(error, true),
    }
}

/// Whether the resolver found private addresses only.
fn blocked(error: &reqwest::Error) -> Option<Blocked> {
    causes(error).find_map(|cause: &(dyn StdError + 'static)| cause.downcast_ref::<Blocked>().copied())
}

fn of_blocked(url: &Url, blocked: Blocked) -> Error {
    let place = if url.has_host() { host(url) } else { format!("a URL of the scheme {}", url.scheme()) };
    Error::new(ErrorKind::BlockedUrl, format!("{place}: {blocked}"))
}
