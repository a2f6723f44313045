//! The gateway's callback: reading its body, and checking that the gateway sent it.

mod parsed;
mod signature;
mod verifier;

pub use parsed::Callback;
#[cfg(feature = "simulator")]
pub(crate) use signature::sign;
pub use verifier::CallbackVerifier;

#[cfg(test)]
mod tests;
