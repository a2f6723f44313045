//! What several tests need: a gateway in memory, and a server of plain bytes.

pub(crate) mod in_memory;
pub(crate) mod raw_server;
