//! The interfaces of the upstream systems, answered from the mirror.

use axum::Router;

use super::routes::Shared;

/// What is kept from one answer to the next.
#[derive(Debug, Default)]
pub(super) struct Shelves {}

/// Their addresses.
pub(super) fn router() -> Router<Shared> {
    Router::new()
}
