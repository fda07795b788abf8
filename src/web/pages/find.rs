//! `/find`: where somebody or something is that a report tells by site and key, or by site and name.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqlx::SqliteConnection;

use super::show::escaped;
use crate::render::quoted;
use crate::web::asked::{AS_OF, Asked};
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

const WITHIN: Duration = Duration::from_secs(10);

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Key(String),
    Name(String),
    Group(String),
}

impl Wanted {
    fn of(asked: &mut Asked) -> Result<Self, Refusal> {
        let [key, name, group] = ["key", "name", "group"].map(|parameter| asked.take(parameter));
        match (key?, name?, group?) {
            (Some(key), None, None) => Ok(Self::Key(key)),
            (None, Some(name), None) => Ok(Self::Name(name)),
            (None, None, Some(group)) => Ok(Self::Group(group)),
            _ => Err(Refusal::bad("one of key, name and group says what is looked for")),
        }
    }

    fn text(&self) -> &str {
        let (Self::Key(text) | Self::Name(text) | Self::Group(text)) = self;
        text
    }
}

pub(super) async fn page(State(shared): State<Shared>, mut asked: Asked) -> Result<Response, Refusal> {
    let as_of = asked.take(AS_OF)?;
    let site = asked.take("site")?.ok_or_else(|| Refusal::bad("site says where it is looked for"))?;
    let wanted = Wanted::of(&mut asked)?;
    asked.done()?;
    let told = (site.clone(), wanted.clone());
    let ask = async move |mut reader: Reader| Ok::<_, Refusal>(find(&mut reader, &told.0, &told.1).await?);
    let found = shared.mirror.ask(Lane::Quick, WITHIN, ask).await?;
    let folder = if matches!(wanted, Wanted::Group(_)) { "groups" } else { "users" };
    let address = match found.as_slice() {
        [] => {
            let (what, site) = (quoted(wanted.text()), quoted(&site));
            return Err(Refusal::absent(format!("the mirror has no {what} of the site {site} among its {folder}")));
        }
        [id] => {
            let as_of = as_of.map(|as_of| format!("?{AS_OF}={}", escaped(&as_of))).unwrap_or_default();
            format!("/{folder}/{id}{as_of}")
        }
        // Which of them is meant is not known.
        _ => format!("/search?q={}", escaped(wanted.text())),
    };
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response())
}

async fn find(connection: &mut SqliteConnection, site: &str, wanted: &Wanted) -> Result<Vec<i64>, sqlx::Error> {
    let questions: &[&str] = match wanted {
        Wanted::Key(_) => {
            &["SELECT u.id FROM users u JOIN sites s ON s.id = u.site_id WHERE s.name = ?1 AND u.key = ?2"]
        }
        // Whoever has the name now, else whoever once had it.
        Wanted::Name(_) => &[
            "SELECT u.id FROM users u JOIN sites s ON s.id = u.site_id \
             WHERE s.name = ?1 AND u.name = ?2 COLLATE NOCASE AND u.name = ?2",
            "SELECT DISTINCT u.id FROM account_versions v JOIN users u ON u.id = v.user_id \
             JOIN sites s ON s.id = u.site_id WHERE v.name = ?2 COLLATE NOCASE AND v.name = ?2 AND s.name = ?1",
        ],
        // The one that is there, else the newest.
        Wanted::Group(_) => &[
            "SELECT g.id FROM groups g JOIN sites s ON s.id = g.site_id \
             WHERE s.name = ?1 AND g.name = ?2 ORDER BY g.removed_at IS NOT NULL, g.id DESC LIMIT 1",
            "SELECT g.id FROM group_history h JOIN groups g ON g.id = h.group_id JOIN sites s ON s.id = g.site_id \
             WHERE s.name = ?1 AND h.name = ?2 ORDER BY h.valid_to DESC, g.id DESC LIMIT 1",
        ],
    };
    for &question in questions {
        let found: Vec<i64> =
            sqlx::query_scalar(question).bind(site).bind(wanted.text()).fetch_all(&mut *connection).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
