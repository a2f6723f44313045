//! The endpoints of the gateway: where each one answers, and how its records are spelled. To add an endpoint is to add a file
//! beside `luma_modify`; no other file changes.

mod luma_modify;
mod reader;

pub(crate) use luma_modify::LUMA_MODIFY;
pub(crate) use reader::Endpoint;

#[cfg(test)]
mod tests;
