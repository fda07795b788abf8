//! The pages: made here whole, from the templates in `templates/web/`. They ask for one style sheet and nothing else, and
//! no script: what can be chosen is a link or a form.

mod changes;
mod download;
mod find;
mod group;
mod overview;
mod pending;
mod report;
mod report_form;
mod report_pager;
mod report_rows;
mod reports;
mod search;
mod show;
mod user;
mod user_events;
mod walk;
mod walks;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::refusal::Refusal;
use super::routes::Shared;
use super::shelf::Shelf;

/// The style sheet's address.
pub(super) const STYLE: &str = "/style.css";

/// How long a browser keeps it: a new release is seen soon.
const STYLE_KEPT: HeaderValue = HeaderValue::from_static("max-age=300");

/// What is kept from one page to the next.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    overview: Shelf<overview::Known>,
    /// Pages of reports.
    reports: Shelf<report::Kept>,
}

/// Their addresses.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(overview::page))
        .route("/walks", get(walks::page))
        .route("/walks/{id}", get(walk::page))
        .route("/changes", get(changes::page))
        .route("/reports", get(reports::page))
        .route("/reports/{name}", get(report::page))
        .route("/users/{id}", get(user::page))
        .route("/groups/{id}", get(group::page))
        .route("/find", get(find::page))
        .route("/search", get(search::page))
        .layer(middleware::from_fn(as_pages))
        .route(STYLE, get(style))
}

/// Whether whoever asks reads pages.
pub(super) fn are_wanted(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|types| types.to_str().ok());
    accepted.any(|types| types.contains("text/html"))
}

/// What surrounds a page.
#[derive(Clone, Debug, Default)]
struct Shell {
    /// Its heading, and the name of its tab.
    title: String,
    /// Which part of the navigation it belongs to: the address there.
    part: &'static str,
    /// What stands in the search box.
    search: String,
    /// Whether one is signed in, and can sign out.
    signed_in: bool,
}

impl Shell {
    fn new(title: impl Into<String>, part: &'static str, shared: &Shared) -> Self {
        Self { title: title.into(), part, search: String::new(), signed_in: shared.token().is_some() }
    }
}

/// A page that is done.
fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => {
            let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
            (status, kind, page).into_response()
        }
        Err(error) => Refusal::failed(&error).into_response(),
    }
}

/// A page that is there.
fn page(template: &impl Template) -> Response {
    rendered(StatusCode::OK, template)
}

#[derive(Template)]
#[template(path = "web/refused.html")]
struct Refused<'a> {
    shell: Shell,
    status: u16,
    message: &'a str,
}

/// A refusal as a page.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let title = match refusal.status {
        StatusCode::NOT_FOUND => "Not here",
        StatusCode::GONE => "Not known any more",
        StatusCode::BAD_REQUEST => "Not understood",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "It cannot be shown",
    };
    let shell = Shell { title: title.to_owned(), ..Shell::default() };
    rendered(refusal.status, &Refused { shell, status: refusal.status.as_u16(), message: &refusal.message })
}

/// What is refused behind a page's address is a page too, for whoever reads pages.
async fn as_pages(request: Request, next: Next) -> Response {
    let wanted = are_wanted(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        Some(refusal) if wanted => {
            let mut page = refused(refusal);
            if let Some(after) = response.headers().get(header::RETRY_AFTER) {
                page.headers_mut().insert(header::RETRY_AFTER, after.clone());
            }
            page
        }
        _ => response,
    }
}

#[derive(Template)]
#[template(path = "web/sign-in.html")]
struct SignIn<'a> {
    shell: Shell,
    /// Where one goes on to.
    next: &'a str,
    /// The token that was given is not the one.
    wrong: bool,
}

/// The form where one signs in.
pub(super) fn sign_in(status: StatusCode, next: &str, wrong: bool) -> Response {
    let shell = Shell { title: "Sign in".to_owned(), ..Shell::default() };
    rendered(status, &SignIn { shell, next, wrong })
}

async fn style() -> Response {
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, STYLE_KEPT)],
        include_str!("../../../templates/web/style.css"),
    )
        .into_response()
}
