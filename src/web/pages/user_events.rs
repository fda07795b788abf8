//! What happened to a user or a group, as lists of a page.

use sqlx::SqliteConnection;

use super::show::Moment;
use crate::model::Timestamp;
use crate::render::visible;
use crate::report::ReportError;
use crate::report::history::Event;
use crate::store::{self, Boundary};
use crate::web::refusal::Refusal;

/// An event of a list.
pub(super) struct Shown {
    pub at: Moment,
    /// It happened after this.
    pub not_before: Option<Moment>,
    pub kind: String,
    /// What happened, up to the user or group that it ends with.
    pub words: String,
    pub other: Option<Other>,
    pub walk_id: Option<i64>,
}

/// The other one of an event.
pub(super) struct Other {
    pub name: String,
    pub address: Option<String>,
}

impl Shown {
    pub fn of(event: &Event, now: Timestamp) -> Self {
        let (words, other) = event.words();
        let other = other.map(|name| {
            let whose = if event.user.is_some() { "users" } else { "groups" };
            // Nobody can be asked about who was forgotten.
            let id = event.other_id.filter(|id| name != format!("forgotten-{id}"));
            Other { name: visible(name).into_owned(), address: id.map(|id| format!("/{whose}/{id}")) }
        });
        Self {
            at: Moment::of(event.at, now),
            not_before: event.not_before.map(|before| Moment::of(before, now)),
            kind: event.kind.clone(),
            words,
            other,
            walk_id: event.walk_id,
        }
    }
}

/// Since when the mirror knows how things were, unless all of it is known.
///
/// # Errors
/// The moment is before that.
pub(super) async fn boundary(connection: &mut SqliteConnection, as_of: Timestamp) -> Result<Option<Boundary>, Refusal> {
    match store::boundary(connection).await? {
        Some(boundary) if as_of < boundary.cutoff => Err(ReportError::Pruned { as_of, boundary }.into()),
        boundary => Ok(boundary),
    }
}

/// The class of a badge that tells a status; the word tells it too.
pub(super) fn badge(status: &str) -> &'static str {
    match status {
        "active" | "present" => "good",
        "no-access" | "deactivated" => "warn",
        "missing" | "deleted" | "removed" => "bad",
        _ => "",
    }
}
