//! The gateways that the benchmarks poll. Each is a process of its own, so that its cost is not the client's.

pub mod plain;
mod record;
pub mod tls;

/// Serves, if this process was started as a gateway, until its input ends. Then it returns `true`, and `main` must
/// return as well.
pub fn serve_if_asked_to() -> bool {
    plain::serve_if_asked_to() || tls::serve_if_asked_to()
}
