//! `modify/record-info`, the status of a Luma task: path, field names, flags and the spelling of its callback.

#[cfg(feature = "callback")]
mod callback;
mod reason;
mod record;
mod results;
mod sources;
mod strict;
#[cfg(feature = "simulator")]
pub(crate) mod written;

use super::reader::Endpoint;

/// The endpoint that this crate watches.
pub(crate) static LUMA_MODIFY: Endpoint = Endpoint {
    path: "api/v1/modify/record-info",
    id_parameter: "taskId",
    id_path: "data.taskId",
    read_strict: strict::read,
    read_record: record::read,
    #[cfg(feature = "callback")]
    read_callback: callback::read,
};
