//! Which site is asked about, as it was at which moment, and on which walk that rests.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sqlx::{Connection, SqliteConnection};

use super::super::asked::AS_OF;
use super::super::mirror::{Generation, Lane, Reader};
use super::super::refusal::Refusal;
use super::super::routes::Shared;
use super::super::shelf::Weight;
use super::address::kind_name;
use super::rows::LIMIT;
use crate::config::SiteKind;
use crate::model::Timestamp;
use crate::render::quoted;
use crate::report::ReportError;
use crate::store;
use crate::store::sandbox::Bound;

/// The present as a moment: later than everything, but for the end of those who were forgotten.
const PRESENT: &str = "9999-12-31 23:59:59.998";

/// The sites of the mirror: name and kind.
#[derive(Debug)]
pub(super) struct Sites(Vec<(String, String)>);

impl Weight for Sites {
    fn weight(&self) -> usize {
        self.0.iter().map(|(name, kind)| name.len() + kind.len()).sum()
    }
}

/// A site at a moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The site's id in the configuration.
    pub site: String,
    pub site_id: i64,
    pub base_url: String,
    /// The moment, in SQL.
    as_of: String,
    /// A moment of the past was asked for.
    past: bool,
    /// No walk is later than the moment.
    is_newest: bool,
    /// The walk that the answer rests on.
    walk: i64,
    status: String,
    at: Timestamp,
}

impl Weight for View {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.site.len() + self.base_url.len() + self.as_of.len() + self.status.len()
    }
}

impl View {
    /// What tells this view from others of the same state of the database.
    pub fn key(&self) -> String {
        format!("{}|{}", self.site, if self.past { &self.as_of } else { "" })
    }

    /// What statements ask for.
    pub fn parameters(&self) -> Vec<(&'static str, Bound)> {
        vec![
            ("site", Bound::Integer(self.site_id)),
            ("as_of", Bound::Text(self.as_of.clone())),
            ("walk", Bound::Integer(self.walk)),
            ("walk_at", Bound::Text(self.at.to_sql())),
            ("is_newest", Bound::Integer(self.is_newest.into())),
        ]
    }

    /// Says on which walk the answer rests.
    pub fn told(&self, headers: &mut HeaderMap) {
        let value = |text: String| HeaderValue::try_from(text).expect("digits and letters");
        headers.insert(HeaderName::from_static("rollbook-as-of"), value(self.at.to_rfc3339()));
        headers.insert(HeaderName::from_static("rollbook-walk"), value(format!("{} {}", self.walk, self.status)));
        // What a person rejected is not missing.
        if !["applied", "rejected"].contains(&self.status.as_str()) {
            headers.insert(HeaderName::from_static("rollbook-incomplete"), HeaderValue::from_static("true"));
        }
    }
}

/// The site that is asked about.
///
/// # Errors
/// There is no such site, or it is not told which.
pub(super) async fn site(
    shared: &Shared,
    generation: Generation,
    kind: SiteKind,
    asked: Option<&str>,
) -> Result<String, Refusal> {
    let find = shared.mirror.ask(Lane::Quick, LIMIT, async move |mut reader: Reader| {
        Ok::<_, Refusal>(Sites(
            sqlx::query_as("SELECT name, kind FROM sites ORDER BY name").fetch_all(&mut *reader).await?,
        ))
    });
    let mirrored = shared.compat.sites.get(generation, "", LIMIT, find).await?;
    let config = shared.pulse.beat().config;
    let configured = config.sites.iter().map(|site| (site.id.as_str(), site.kind.as_str()));
    choose(kind, asked, mirrored.0.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).chain(configured))
}

/// The site of a kind that is asked about, among those that are mirrored and then those that are configured.
fn choose<'a>(
    kind: SiteKind,
    asked: Option<&str>,
    sites: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<String, Refusal> {
    let sites: BTreeMap<&str, &str> = sites.collect();
    let fitting: Vec<&str> = sites.iter().filter(|(_, of)| **of == kind.as_str()).map(|(name, _)| *name).collect();
    let kind = kind_name(kind);
    let there = match &fitting[..] {
        [] => format!("there is no {kind} site here"),
        [one] => format!("the {kind} site here is {one}: ask /sites/{one}/…"),
        several => {
            let ways: Vec<_> = several.iter().map(|name| format!("/sites/{name}/…")).collect();
            format!("there are several {kind} sites here: ask {}", ways.join(" or "))
        }
    };
    match (asked, &fitting[..]) {
        (Some(asked), fitting) if fitting.contains(&asked) => Ok(asked.to_owned()),
        (None, [one]) => Ok((*one).to_owned()),
        (Some(asked), _) if sites.contains_key(asked) => {
            Err(Refusal::absent(format!("the site {} is no {kind} site; {there}", quoted(asked))))
        }
        (Some(asked), _) => Err(Refusal::absent(format!("there is no site {} here; {there}", quoted(asked)))),
        (None, _) => Err(Refusal::absent(there)),
    }
}

/// The site at a moment.
///
/// # Errors
/// It was not walked by then, or nothing is known any more of how it was.
pub(super) async fn view(
    shared: &Shared,
    generation: Generation,
    site: String,
    (moment, past): (Timestamp, bool),
) -> Result<Arc<View>, Refusal> {
    let as_of = if past { moment.to_sql() } else { PRESENT.to_owned() };
    let key = format!("{site}|{as_of}");
    let find = shared.mirror.ask(Lane::Quick, LIMIT, async move |mut reader: Reader| {
        let mut snapshot = reader.begin().await?;
        find(&mut snapshot, site, as_of, moment, past).await
    });
    shared.compat.views.get(generation, key, LIMIT, find).await
}

/// A site's newest walk by then that brought data, with what had become of it then: as reports have it.
const WALK: &str = "\
    SELECT s.id, s.base_url, w.id AS walk, w.at, CASE \
        WHEN h.walk_id IS NULL THEN w.status \
        WHEN h.decided_at IS NULL OR h.decided_at > ?2 THEN 'held' \
        WHEN w.status = 'rejected' AND h.walk_error IS NOT NULL THEN 'partial' \
        ELSE w.status END AS status, \
        NOT EXISTS (SELECT 1 FROM walks n WHERE n.site_id = s.id AND n.at > ?2) AS is_newest, \
        (SELECT min(n.at) FROM walks n WHERE n.site_id = s.id) AS first_at \
    FROM sites s LEFT JOIN walks w ON w.id = ( \
        SELECT n.id FROM walks n WHERE n.site_id = s.id AND n.at <= ?2 \
            AND n.status IN ('applied', 'partial', 'held', 'superseded', 'rejected') \
        ORDER BY n.at DESC, n.id DESC LIMIT 1) \
    LEFT JOIN holds h ON h.walk_id = w.id \
    WHERE s.name = ?1";

#[derive(sqlx::FromRow)]
struct Found {
    id: i64,
    base_url: String,
    walk: Option<i64>,
    at: Option<String>,
    status: Option<String>,
    is_newest: bool,
    first_at: Option<String>,
}

async fn find(
    snapshot: &mut SqliteConnection,
    site: String,
    as_of: String,
    moment: Timestamp,
    past: bool,
) -> Result<View, Refusal> {
    let found: Option<Found> = sqlx::query_as(WALK).bind(&site).bind(&as_of).fetch_optional(&mut *snapshot).await?;
    let never = || Refusal::busy(format!("the site {site} was never walked yet: nothing is known of it"));
    let found = found.ok_or_else(never)?;
    let time = |text: &str| Timestamp::parse_sql(text).map_err(|error| Refusal::failed(&error));
    let (Some(walk), Some(at), Some(status)) = (found.walk, &found.at, found.status) else {
        let Some(first) = &found.first_at else { return Err(never()) };
        let first = time(first)?.to_rfc3339();
        return Err(Refusal::absent(format!(
            "the site {site} was first walked at {first}: of how it was before nothing is known; ask {AS_OF}={first} or later"
        )));
    };
    if past
        && let Some(boundary) = store::boundary(snapshot).await?
        && moment < boundary.cutoff
    {
        return Err(ReportError::Pruned { as_of: moment, boundary }.into());
    }
    let Found { id: site_id, base_url, is_newest, .. } = found;
    Ok(View { site, site_id, base_url, as_of, past, is_newest, walk, status, at: time(at)? })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    const SITES: [(&str, &str); 3] = [("cloud", "cloud"), ("corp", "data-center"), ("lab", "data-center")];

    fn chosen(kind: SiteKind, asked: Option<&str>, sites: &[(&'static str, &'static str)]) -> Result<String, String> {
        choose(kind, asked, sites.iter().copied()).map_err(|refusal| {
            assert_eq!(refusal.status, StatusCode::NOT_FOUND);
            refusal.message
        })
    }

    #[test]
    fn the_site_is_named_or_the_only_one() {
        assert_eq!(chosen(SiteKind::Cloud, None, &SITES).unwrap(), "cloud");
        assert_eq!(chosen(SiteKind::DataCenter, Some("lab"), &SITES).unwrap(), "lab");
        assert_eq!(chosen(SiteKind::DataCenter, None, &SITES[..2]).unwrap(), "corp");
    }

    #[test]
    fn what_there_is_instead_is_told() {
        let several = chosen(SiteKind::DataCenter, None, &SITES).unwrap_err();
        assert!(several.contains("/sites/corp/… or /sites/lab/…"), "{several}");
        let other = chosen(SiteKind::DataCenter, Some("cloud"), &SITES).unwrap_err();
        assert!(other.contains("'cloud' is no Data Center site"), "{other}");
        let unknown = chosen(SiteKind::Cloud, Some("x"), &SITES).unwrap_err();
        assert!(unknown.contains("no site 'x'") && unknown.contains("/sites/cloud/"), "{unknown}");
        assert_eq!(chosen(SiteKind::Cloud, None, &[]).unwrap_err(), "there is no Cloud site here");
    }
}
