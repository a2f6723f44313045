//! What the benchmarks share: the gateways that they poll, the loops that they compare with, and how they measure.

pub mod callgrind;
pub mod command_line;
pub mod gateway;
pub mod hand_loop;
pub mod measure;
#[cfg(feature = "peers")]
pub mod peers;
