//! The interfaces of the upstream systems, answered from the mirror: a script that was written for one of them needs
//! another base URL and nothing else. What differs is said in `docs/compat.md`.
//!
//! | question | file |
//! |---|---|
//! | which address asks for what | `address.rs` |
//! | which site, as it was when, on which walk that rests | `view.rs` |
//! | who stands in a list, in which order | `roster.rs` |
//! | what is said of each | `extender.rs`, `user_export.rs`, `cloud.rs`, and `sql/` |
//! | how bodies and rows are read, times spelled, files kept | `bodies.rs`, `rows.rs`, `dates.rs`, `files.rs` |

mod address;
mod bodies;
mod cloud;
mod dates;
mod extender;
mod files;
mod roster;
mod rows;
mod user_export;
mod view;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use self::address::{Address, Call};
use self::extender::Query;
use self::files::Files;
use self::roster::{Exported, Roster};
use self::rows::LIMIT;
use self::user_export::Search;
use self::view::{Sites, View};
use super::asked::{Asked, whole};
use super::mirror::Generation;
use super::refusal::Refusal;
use super::routes::Shared;
use super::shelf::{Shelf, Weight};
use crate::config::SiteKind;
use crate::render::quoted;

/// Below these everything is answered here, with the name of a site before them and without.
const BELOW: [&str; 4] =
    ["/rest/extender/1.0", "/rest/confluenceuserexport/1.0", "/plugins/servlet/confluenceuserexport", "/wiki/api/v2"];

/// The longest body but for lists of users, bytes.
const LONGEST: usize = 1 << 20;

/// How often an answer is read anew because the database changed meanwhile.
const TRIES: usize = 5;
const MOVED: &str = "the mirror changed while it was read: ask again";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A whole answer.
#[derive(Debug)]
struct Whole(Bytes);

impl Weight for Whole {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

/// What is kept from one answer to the next.
#[derive(Debug)]
pub(super) struct Shelves {
    sites: Shelf<Sites>,
    views: Shelf<View>,
    rosters: Shelf<Roster>,
    exported: Shelf<Exported>,
    bodies: Shelf<Whole>,
    files: Files,
}

impl Default for Shelves {
    fn default() -> Self {
        Self {
            sites: Shelf::new(4, 1 << 20),
            views: Shelf::new(64, 1 << 20),
            rosters: Shelf::new(64, 32 << 20),
            exported: Shelf::new(4, 128 << 20),
            bodies: Shelf::new(256, 64 << 20),
            // Names that nobody guesses: the keys of a hasher are random.
            files: Files::new(RandomState::new().hash_one("files")),
        }
    }
}

/// Their addresses.
pub(super) fn router() -> Router<Shared> {
    BELOW.iter().fold(Router::new(), |router, below| {
        router
            .route(&format!("{below}/{{*rest}}"), any(answer))
            .route(&format!("/sites/{{site}}{below}/{{*rest}}"), any(answer))
    })
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let kind = address::kind(parts.uri.path());
    let mut response = match answered(&shared, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => refused(kind, refusal),
    };
    if kind == SiteKind::DataCenter {
        // Where these are missing a careful client takes the answer for one to an anonymous visitor.
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-ausername"), HeaderValue::from_static("rollbook"));
        headers.insert(HeaderName::from_static("x-seraph-loginreason"), HeaderValue::from_static("OK"));
    }
    response
}

/// A refusal as the upstream system words one.
fn refused(kind: SiteKind, refusal: Refusal) -> Response {
    let body = match kind {
        SiteKind::DataCenter => serde_json::json!({ "message": refusal.message }),
        SiteKind::Cloud => serde_json::json!({ "code": refusal.status.as_u16(), "message": refusal.message }),
    };
    // The headers that go with its status.
    let mut response = refusal.into_response();
    *response.body_mut() = Body::from(body.to_string());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

async fn answered(shared: &Shared, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    let Address { site, call, kind } = address::read(parts.uri.path())?;
    let call =
        call.ok_or_else(|| Refusal::absent("there is nothing at this address: docs/compat.md has those there are"))?;
    if !call.methods().contains(&parts.method) {
        return Ok(other_method(kind, &call));
    }
    let asked = Asked::of(&parts.uri);
    if matches!(call, Call::File(_) | Call::Download) {
        let generation = shared.mirror.contents(LIMIT).await?;
        let site = view::site(shared, generation, kind, site.as_deref()).await?;
        return file(shared, site, call, asked, parts, body).await;
    }
    let body = match call {
        Call::Search | Call::Bulk => posted(&parts.headers, body, LONGEST).await?,
        _ => Bytes::new(),
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let generation = shared.mirror.contents(LIMIT).await?;
        let site = view::site(shared, generation, kind, site.as_deref()).await?;
        match told(shared, generation, site, &call, asked.clone(), &body).await {
            Err(refusal) if refusal.message == MOVED && tries < TRIES => {}
            answer => return answer,
        }
    }
}

fn other_method(kind: SiteKind, call: &Call) -> Response {
    let allowed: Vec<&str> = call.methods().iter().map(|method| method.as_str()).collect();
    let allowed = allowed.join(",");
    let why = format!("this address is asked by {allowed}; nothing here changes a site");
    let mut response = refused(kind, Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why));
    response.headers_mut().insert(header::ALLOW, HeaderValue::try_from(allowed).expect("names of methods"));
    response
}

/// What the mirror tells.
async fn told(
    shared: &Shared,
    generation: Generation,
    site: String,
    call: &Call,
    mut asked: Asked,
    body: &[u8],
) -> Result<Response, Refusal> {
    let moment = asked.take_moment(shared.clock.now())?;
    let zone = zone(shared, &site);
    // What the client says is checked first.
    match call {
        Call::Search => {
            let search = Search::read(body)?;
            let view = view::view(shared, generation, site, moment).await?;
            let key = format!("{}|{zone}|{}", view.key(), search.key());
            kept(shared, generation, key, &view, user_export::search(shared, generation, &view, search, zone)).await
        }
        Call::Bulk => {
            let ids = cloud::read(body)?;
            let view = view::view(shared, generation, site, moment).await?;
            let answer = cloud::answer(shared, &view, ids).await?;
            unmoved(shared, generation).await?;
            Ok(ok(&view, answer))
        }
        call => {
            let query = Query::take(&mut asked, zone)?;
            let view = view::view(shared, generation, site, moment).await?;
            let key = format!("{}|{zone}|{call:?}|{}", view.key(), query.key());
            kept(shared, generation, key, &view, extender::answer(shared, generation, &view, call, &query)).await
        }
    }
}

/// An answer that is kept.
async fn kept(
    shared: &Shared,
    generation: Generation,
    key: String,
    view: &View,
    find: impl Future<Output = Result<Bytes, Refusal>>,
) -> Result<Response, Refusal> {
    let find = async {
        let whole = Whole(find.await?);
        unmoved(shared, generation).await?;
        Ok::<_, Refusal>(whole)
    };
    let whole: Arc<Whole> = shared.compat.bodies.get(generation, key, LIMIT, find).await?;
    Ok(ok(view, whole.0.clone()))
}

/// Refuses what was read while the database changed: a part of it may be of one state, and a part of the next.
async fn unmoved(shared: &Shared, generation: Generation) -> Result<(), Refusal> {
    match shared.mirror.contents(LIMIT).await? == generation {
        true => Ok(()),
        false => Err(Refusal::busy(MOVED)),
    }
}

fn ok(view: &View, body: Bytes) -> Response {
    let mut response = ([(header::CONTENT_TYPE, JSON)], body).into_response();
    view.told(response.headers_mut());
    response
}

/// The time zone in which a site spells times.
fn zone(shared: &Shared, site: &str) -> chrono_tz::Tz {
    let config = shared.pulse.beat().config;
    config.sites.iter().find(|known| known.id == site).map_or(chrono_tz::UTC, |site| site.timezone)
}

/// A body of JSON.
async fn posted(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let why = format!("the content type is {}, and has to be application/json", quoted(kind));
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    whole(body, limit).await
}

/// Makes a file of a list, or gives one that was made.
async fn file(
    shared: &Shared,
    site: String,
    call: Call,
    mut asked: Asked,
    parts: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let now = shared.clock.now();
    asked.take_moment(now)?;
    let files = &shared.compat.files;
    let Call::File(ending) = call else {
        let name = asked.take("fileName")?.unwrap_or_default();
        let (bytes, kind) = files::download(files, &site, &name, now).await?;
        let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).expect("a name of our own");
        let headers =
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
        return Ok((headers, bytes).into_response());
    };
    // A list takes much memory while it is looked at.
    let _seat = timeout(LIMIT, files.seats.acquire()).await.map_err(|_| Refusal::busy("lists are being converted"))?;
    let list = posted(&parts.headers, body, files::LONGEST).await?;
    let name = files::make(files, &site, ending, list, now).await?;
    let path = format!(
        "/sites/{}/plugins/servlet/confluenceuserexport/admin/download?fileName={name}",
        utf8_percent_encode(&site, NON_ALPHANUMERIC)
    );
    let body = serde_json::json!({ "fileName": name, "filePath": path });
    Ok(([(header::CONTENT_TYPE, JSON)], body.to_string()).into_response())
}
