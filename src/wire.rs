//! What the gateway sends, whichever endpoint answers: headers, envelope, raw fields, and what an answer without a record means.

#[cfg(feature = "callback")]
mod callback_body;
mod classify;
mod compression;
mod envelope;
pub(crate) mod field;
mod headers;
mod intermediary;
mod object;
mod rare_fields;
mod rate_limit_reset;
mod raw_record;
mod repair;
mod reply;
pub(crate) mod strict;
mod text;
pub(crate) mod time;
mod unknown_fields;
mod urls;
mod wait_text;

#[cfg(feature = "callback")]
pub(crate) use callback_body::CallbackBody;
pub(crate) use classify::{TASK_FAILED, Voice, classify};
pub(crate) use compression::compressed;
#[cfg(feature = "callback")]
pub(crate) use envelope::RawEnvelope;
pub(crate) use envelope::{Data, Envelope, readable};
pub(crate) use headers::{asked_wait, date, retry_after};
pub(crate) use intermediary::describe_page;
pub(crate) use object::Object;
pub(crate) use rare_fields::RareFields;
pub(crate) use rate_limit_reset::reset_after;
pub(crate) use raw_record::RawRecord;
pub(crate) use reply::Reply;
pub(crate) use text::{is_blank, redact};
pub(crate) use unknown_fields::UnknownFields;
pub(crate) use urls::{UrlCheck, is_url};
