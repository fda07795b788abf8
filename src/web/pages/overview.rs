//! The first page: how each site stands.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Shell, page as done};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Page {
    shell: Shell,
}

pub(super) async fn page(State(shared): State<Shared>) -> Result<Response, Refusal> {
    Ok(done(&Page { shell: Shell::new("Overview", "/", &shared) }))
}
