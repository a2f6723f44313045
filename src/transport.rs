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
#[cfg(feature = "simulator")]
pub(crate) use failure::{MAX_BODY, broken, cut_short, too_long};
pub(crate) use http::{Http, HttpConfig};
pub(crate) use key_source::{Ask, Key, KeySource, NoKey, ask};
pub(crate) use variation::Variation;
