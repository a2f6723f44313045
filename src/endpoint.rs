//! The endpoints of the gateway: where each one answers, and how its records are spelled. Another endpoint is one more file
//! beside `luma_modify`, declared here.

mod luma_modify;
mod reader;

pub(crate) use luma_modify::LUMA_MODIFY;
#[cfg(feature = "simulator")]
pub(crate) use luma_modify::written;
pub(crate) use reader::Endpoint;

#[cfg(test)]
mod tests;
