//! Requests over HTTP, by reqwest.

use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response, Url};

use super::api_key::bearer;
use super::base_url::endpoint_url;
use super::body::{BodySum, body};
use super::clients::{Clients, Sender};
use super::failure::failure;
use super::redirect::within_origin;
use super::repeat::{Repeat, Repeats};
use super::repeat_credit::RepeatCredit;
use super::variation::Variation;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::task::TaskId;
use crate::wire::Reply;

pub(crate) const NAME: &str = concat!("luma-watch/", env!("CARGO_PKG_VERSION"));
/// The gateway cannot answer over this connection, but may over another one (RFC 9110 §15.5.20).
const MISDIRECTED: u16 = 421;

/// How to reach the gateway over HTTP.
pub(crate) struct HttpConfig {
    /// `None`: each request has a key of its own.
    pub(crate) api_key: Option<String>,
    pub(crate) base_url: String,
    pub(crate) endpoint: &'static Endpoint,
    /// The user's. `None`: the library's own.
    pub(crate) client: Option<reqwest::Client>,
    /// How many connections may be in use at once.
    pub(crate) max_in_flight: usize,
}

/// The gateway over HTTP.
pub(crate) struct Http {
    clients: Clients,
    /// Made once, cloned for each poll: only the query differs.
    request: Request,
    id_parameter: &'static str,
    api_key: Option<String>,
    /// Whether a redirect within the origin is followed by a second request. An HTTP client that the user brought follows
    /// redirects itself, as it is set up.
    follows_redirects: bool,
    bodies: BodySum,
    credit: RepeatCredit,
}

impl Http {
    pub(crate) fn new(config: HttpConfig) -> Result<Self, Error> {
        let HttpConfig { api_key, base_url, endpoint, client, max_in_flight } = config;
        let authorization = api_key.as_deref().map(bearer).transpose()?;
        let mut url = endpoint_url(&base_url, endpoint.path)?;
        let own = client.is_none();
        let clients = Clients::new(client, &url)?;
        // So each clone has room for an id.
        url.query_pairs_mut().append_pair(endpoint.id_parameter, &"0".repeat(32));
        let mut request = Request::new(Method::GET, url);
        if own {
            // Set here once; the client would add it to each request.
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        }
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        // A cache on the way may give an old record again and again, by which the task never ends.
        request.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(Self {
            clients,
            request,
            id_parameter: endpoint.id_parameter,
            api_key,
            follows_redirects: own,
            bodies: BodySum::default(),
            credit: RepeatCredit::new(max_in_flight),
        })
    }

    fn request(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Request, Error> {
        // Only a streaming body cannot be cloned, and a GET has none.
        let mut request = self.request.try_clone().ok_or_else(|| Error::config("the request cannot be cloned"))?;
        let url = request.url_mut();
        url.query_pairs_mut().clear().append_pair(self.id_parameter, id.as_ref());
        if id.as_ref().contains(' ') {
            // A form writes `+` for a space, which not every reader of a URL knows.
            let query = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        if let Some(Variation { key, url }) = variation {
            if let Some(key) = key {
                request.headers_mut().insert(AUTHORIZATION, key.authorization.clone());
            }
            if let Some(url) = url {
                request.url_mut().clone_from(url);
            }
        }
        Ok(request)
    }

    async fn send(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Response, Error> {
        let (sender, client) = self.clients.present()?;
        // Each future in a statement of its own: in one expression the request would take up room while it is in flight.
        let first = client.execute(self.request(id, variation)?);
        drop(client);
        let (sender, response) = match first.await {
            Ok(response) => (sender, response),
            // Boxed: it is rare, and a poll in flight is to be small.
            Err(error) => Box::pin(self.repeat(id, variation, sender, error)).await?,
        };
        if response.status() == MISDIRECTED {
            self.clients.renew(sender);
        }
        Ok(response)
    }

    /// Sends it again, as long as that makes sense. Returns the response, and what sent the request that it answers.
    async fn repeat(
        &self,
        id: &TaskId,
        variation: Option<&Variation<'_>>,
        mut sender: Sender,
        mut error: reqwest::Error,
    ) -> Result<(Sender, Response), Error> {
        let mut repeats = Repeats::default();
        while let Some(repeat) = repeats.next(&error, &self.credit) {
            if repeat == Repeat::Afresh {
                self.clients.renew(sender);
            }
            // Something was sent: the error of that stands if there is no client now.
            let Ok((next_sender, client)) = self.clients.present() else { break };
            sender = next_sender;
            error = match client.execute(self.request(id, variation)?).await {
                Ok(response) => return Ok((sender, response)),
                Err(error) => error,
            };
        }
        Err(failure(error, self.credit.is_known()))
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Reply, Error> {
        let mut response = self.send(id, variation).await?;
        self.credit.add();
        let body = body(&mut response, &self.bodies).await;
        let headers = std::mem::take(response.headers_mut());
        Ok(Reply { status: response.status().as_u16(), headers, body })
    }

    /// Where the reply leads to, if it is a redirect that is followed.
    pub(crate) fn redirect(&self, id: &TaskId, reply: &Reply) -> Option<Url> {
        let request = self.follows_redirects.then(|| self.request(id, None))?.ok()?;
        within_origin(request.url(), reply.status, &reply.headers)
    }

    /// The gateway's host.
    pub(crate) fn host(&self) -> &str {
        self.request.url().host_str().unwrap_or_default()
    }

    /// The key, to be taken out of what the gateway writes.
    pub(crate) fn api_key(&self) -> &str {
        self.api_key.as_deref().unwrap_or_default()
    }
}
