//! What the gateway sends, whichever endpoint answers: headers, envelope, raw fields, and what an answer without a record means.

#[cfg(feature = "callback")]
mod callback_body;
mod classify;
mod envelope;
pub(crate) mod field;
mod headers;
mod intermediary;
mod raw_record;
mod reply;
pub(crate) mod strict;
mod text;

#[cfg(feature = "callback")]
pub(crate) use callback_body::CallbackBody;
pub(crate) use classify::{TASK_FAILED, Voice, classify};
#[cfg(feature = "callback")]
pub(crate) use envelope::RawEnvelope;
pub(crate) use envelope::{Data, Envelope};
pub(crate) use headers::{date, retry_after};
pub(crate) use intermediary::describe_page;
pub(crate) use raw_record::RawRecord;
pub(crate) use reply::Reply;
pub(crate) use text::{is_blank, redact};
