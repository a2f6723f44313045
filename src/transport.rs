//! A request and its response: what is sent to the gateway, and what comes back. It knows nothing of limits.

mod api_key;
mod base_url;
mod body;
mod cause;
mod clients;
mod environment_proxy;
mod failure;
mod http;
mod key_source;
mod own_client;
mod per_runtime;
mod redirect;
mod repeat;
mod repeat_credit;
mod variation;

pub use api_key::ApiKey;

#[cfg(feature = "simulator")]
pub(crate) use api_key::bearer;
#[cfg(feature = "download")]
pub(crate) use base_url::is_loopback;
#[cfg(feature = "simulator")]
pub(crate) use failure::{MAX_BODY, broken, cut_short, too_long};
#[cfg(feature = "download")]
pub(crate) use failure::{causes, failure, no_client};
#[cfg(feature = "download")]
pub(crate) use http::NAME as USER_AGENT_NAME;
pub(crate) use http::{Http, HttpConfig};
pub(crate) use key_source::{Ask, Key, KeySource, NoKey, ask};
#[cfg(feature = "download")]
pub(crate) use own_client::base_settings;
#[cfg(feature = "download")]
pub(crate) use per_runtime::PerRuntime;
#[cfg(feature = "download")]
pub(crate) use redirect::target;
pub(crate) use variation::Variation;
