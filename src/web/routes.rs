//! Which address answers what, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Mutex;

use super::connection::Line;
use super::guard::{Guard, admit};
use super::metrics::Ledger;
use super::mirror::Mirror;
use super::refusal::Refusal;
use super::warm::{Recent, remember};
use super::{compat, ops, pages, session};
use crate::clock::Clock;
use crate::config::Secret;
use crate::daemon::Pulse;

/// Headers of every answer: what a browser may do with it. No script runs, nothing is loaded from elsewhere, nobody frames
/// it, and no other site learns where one came from.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
];

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
    /// Whoever gave a wrong token waits in a line.
    pub wrong: Arc<Mutex<()>>,
    /// The pages that are made before they are asked for.
    pub recent: Arc<Recent>,
    /// What the pages keep.
    pub pages: Arc<pages::Shelves>,
    /// What the upstream interfaces keep.
    pub compat: Arc<compat::Shelves>,
}

impl Shared {
    /// The token that is required now.
    pub fn token(&self) -> Option<Secret> {
        self.guard.token(&self.pulse.beat().config.http).cloned()
    }
}

/// All addresses. A method that an address does not know is answered 405 with those that it does.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .route(session::SIGN_IN, get(session::form).post(session::sign_in))
        .route(session::SIGN_OUT, post(session::sign_out))
        .merge(pages::router().layer(middleware::from_fn_with_state(shared.clone(), remember)))
        .merge(compat::router())
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .layer(middleware::from_fn(around))
        .with_state(shared)
}

async fn nothing(headers: HeaderMap) -> Response {
    let refusal = Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this address");
    if pages::are_wanted(&headers) { pages::refused(&refusal) } else { refusal.into_response() }
}

/// Around every request: its connection is not closed meanwhile, and no browser guesses what the answer is or keeps it.
async fn around(ConnectInfo(line): ConnectInfo<Line>, request: Request, next: Next) -> Response {
    let _work = line.work();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
