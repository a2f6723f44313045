//! A gateway to test against, without a key and without a network. Needs the feature `simulator`.
//!
//! A [`Simulator`] holds tasks that generate for a while and then end as you say. Faults happen where you inject them.
//! A client reaches it in one of two ways:
//! - **In memory**, through [`ClientBuilder::simulator`](crate::ClientBuilder::simulator), on tokio's clock. With the
//!   clock paused, a wait of 15 minutes takes milliseconds. Pausing needs tokio's feature `test-util`.
//! - **Over HTTP on loopback**, through [`Simulator::serve`]: the gateway's path, JSON and key check over real sockets,
//!   on real time. [`Simulator::speed`] makes it faster.
//!
//! With the feature `callback`, tasks can have callbacks: a test takes them with `Simulator::next_callback`, or a server
//! posts them.
//!
//! In the guide: [testing](crate::guide::testing).
//!
//! ```
//! use std::time::Duration;
//! use luma_watch::{Client, Status};
//! use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), luma_watch::Error> {
//! tokio::time::pause();
//! let simulator = Simulator::new();
//! let id = simulator.add(SimulatedTask::new().generates_for(Duration::from_secs(100)));
//! simulator.inject(Fault::status(502).times(2));
//!
//! let client = Client::builder("test-key").simulator(&simulator).build()?;
//! let task = client.wait_until_done(id).await?;
//! assert_eq!(task.status(), Status::Success);
//! // Two failed polls, seconds apart, then one every 30 s.
//! assert_eq!(simulator.requests().len(), 7);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "callback")]
mod callback_attempts;
#[cfg(feature = "callback")]
mod callback_queue;
#[cfg(feature = "callback")]
mod callback_request;
#[cfg(feature = "callback")]
mod callback_sender;
#[cfg(feature = "callback")]
mod delivery;
mod engine;
mod fault;
mod files;
mod gateway;
mod http;
mod in_memory;
mod request;
mod shared_engine;
#[cfg(feature = "download")]
mod simulated_files;
mod task;

#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
pub use callback_request::CallbackRequest;
#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
pub use delivery::Delivery;
pub use fault::Fault;
pub use gateway::Simulator;
pub use http::Server;
pub use request::Request;
pub use task::SimulatedTask;

pub(crate) use in_memory::InMemory;
#[cfg(feature = "download")]
pub(crate) use simulated_files::{SimulatedFiles, SimulatedResponse};
