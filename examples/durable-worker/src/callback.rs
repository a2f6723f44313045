//! The receiver of callbacks. Any worker has it; the task's job runs wherever a worker is free.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use luma_watch::{CallbackVerifier, ErrorKind};
use sqlx::postgres::PgPool;
use tokio::net::TcpListener;

use crate::db;

type Receiver = (CallbackVerifier, PgPool);

/// Answers `POST /callbacks`.
pub async fn serve(listener: TcpListener, verifier: CallbackVerifier, pool: PgPool) {
    let app = Router::new().route("/callbacks", post(receive)).with_state((verifier, pool));
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!("callbacks are not received any more: {error}");
    }
}

/// A callback only says that it is time to poll: the outcome is what the gateway answers.
async fn receive(State((verifier, pool)): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let callback = match verifier.verify(&headers, &body) {
        Ok(callback) => callback,
        Err(error) if error.kind() == ErrorKind::InvalidSignature => return StatusCode::UNAUTHORIZED,
        Err(_) => return StatusCode::BAD_REQUEST,
    };
    match db::poll_now_if_waiting(&pool, callback.task_id().as_str()).await {
        Ok(()) => StatusCode::OK,
        // The gateway tries again.
        Err(error) => {
            tracing::warn!("a callback is refused: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
