//! Which address answers what, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::Mutex;

use super::connection::Line;
use super::guard::{Guard, admit};
use super::metrics::Ledger;
use super::mirror::Mirror;
use super::ops;
use crate::clock::Clock;
use crate::daemon::Pulse;

/// What every address may look at.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// How the service stands, and the configuration in force.
    pub pulse: Pulse,
    /// The database.
    pub mirror: Mirror,
    /// The time.
    pub clock: Clock,
    /// Who may ask.
    pub guard: Guard,
    /// What `/metrics` counted so far.
    pub ledger: Arc<Mutex<Ledger>>,
}

/// All addresses. A method that an address does not know is answered 405 with those that it does.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .fallback(async || ops::line(StatusCode::NOT_FOUND, "there is nothing at this address"))
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .layer(middleware::from_fn(around))
        .with_state(shared)
}

/// Around every request: its connection is not closed meanwhile, and no browser guesses what the answer is or keeps it.
async fn around(ConnectInfo(line): ConnectInfo<Line>, request: Request, next: Next) -> Response {
    let _work = line.work();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
