//! A request to Cloud, taken apart.

use axum::http::StatusCode;
use serde::Deserialize;
use url::form_urlencoded;

use super::{CloudSettings, refuse};
use crate::simulator::call::{Call, Endpoint, Reply, segment};

/// By which address somebody comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::simulator) enum Door {
    /// The site's own.
    #[default]
    Site,
    /// The one for scoped tokens and OAuth.
    Gateway,
    /// The organization's API.
    Organization,
}

/// `sitePermissionTypeFilter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::simulator) enum Filter {
    /// Who may use Confluence.
    #[default]
    None,
    /// Everybody.
    All,
    /// Guests.
    External,
}

/// What only requests to Cloud say.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Ask {
    pub door: Door,
    /// The id of a group or of an organization in the path.
    pub id: String,
    pub cql: String,
    pub filter: Filter,
    /// `shouldReturnTotalSize`.
    pub total: bool,
    /// Behind which account the page begins.
    pub after: String,
    /// `productAccess` is to be told.
    pub expand: bool,
}

impl Filter {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::External => "externalCollaborator",
        }
    }
}

/// The most rows of groups and members that can be asked for.
const LARGEST_PAGE: usize = 200;

/// The most rows of an organization's page that can be asked for.
const LARGEST_ORG_PAGE: usize = 100;

/// Reads a path and a query.
pub(in crate::simulator) fn read(
    cloud: &CloudSettings,
    context_path: &str,
    path: &str,
    query: &str,
) -> Result<Call, Reply> {
    let gateway = format!("/ex/confluence/{}/wiki/", cloud.cloud_id);
    let mut call = Call::default();
    let (door, below) = if let Some(below) = path.strip_prefix("/admin/") {
        (Door::Organization, below)
    } else if path.starts_with("/ex/confluence/") {
        // The id of another site leads nowhere.
        (Door::Gateway, path.strip_prefix(&gateway).unwrap_or_default())
    } else {
        (Door::Site, path.strip_prefix(context_path).and_then(|below| below.strip_prefix('/')).unwrap_or_default())
    };
    call.cloud.door = door;
    let bad_path = || refuse(StatusCode::BAD_REQUEST, "Malformed path");
    let segments = below.split('/').map(segment).collect::<Option<Vec<_>>>().ok_or_else(bad_path)?;
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    (call.endpoint, call.cloud.id, call.subject) = match (door, &segments[..]) {
        (Door::Organization, ["v2", "orgs", org, "directories", _, "users", "search"]) => {
            (Endpoint::OrgUsers, (*org).to_owned(), String::new())
        }
        (Door::Organization, ["v1", "orgs", org, "directory", "users", account, "last-active-dates"]) => {
            (Endpoint::OrgLastActive, (*org).to_owned(), (*account).to_owned())
        }
        (Door::Organization, ["api-access", "v1", "orgs", org, "api-keys"]) => {
            (Endpoint::OrgKeys, (*org).to_owned(), String::new())
        }
        (Door::Organization, _) => Default::default(),
        (_, ["rest", "api", "search", "user"]) => (Endpoint::CloudSearch, String::new(), String::new()),
        (_, ["rest", "api", "group"]) => (Endpoint::CloudGroups, String::new(), String::new()),
        (_, ["rest", "api", "group", id, "membersByGroupId"]) => {
            (Endpoint::CloudMembers, (*id).to_owned(), (*id).to_owned())
        }
        (_, ["api", "v2", "users-bulk"]) => (Endpoint::UsersBulk, String::new(), String::new()),
        (_, ["api", "v2", "user", "access", "check-access-by-email"]) => {
            (Endpoint::AccessCheck, String::new(), String::new())
        }
        (_, ["api", "v2", "user", "access", "invite-by-email"]) => {
            (Endpoint::AccessInvite, String::new(), String::new())
        }
        _ => Default::default(),
    };
    read_query(&mut call, query)?;
    Ok(call)
}

fn read_query(call: &mut Call, query: &str) -> Result<(), Reply> {
    let bad = |what: &str| refuse(StatusCode::BAD_REQUEST, &format!("{what} is not valid"));
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "start" => call.start = value.parse().map_err(|_| bad("start"))?,
            "limit" => call.limit = Some(value.parse().map_err(|_| bad("limit"))?).filter(|&limit| limit > 0),
            "cql" => call.cloud.cql = value.into_owned(),
            "sitePermissionTypeFilter" => {
                let filters = [Filter::None, Filter::All, Filter::External];
                let filter = filters.into_iter().find(|filter| filter.as_str() == value);
                call.cloud.filter = filter.ok_or_else(|| bad("sitePermissionTypeFilter"))?;
            }
            "shouldReturnTotalSize" => call.cloud.total = value == "true",
            "cursor" => (call.start, call.cloud.after) = read_cursor(&value).ok_or_else(|| bad("cursor"))?,
            _ => {}
        }
    }
    match call.endpoint {
        Endpoint::CloudSearch if call.cloud.cql.replace(' ', "") != "type=user" => Err(bad("cql")),
        Endpoint::CloudGroups | Endpoint::CloudMembers if call.limit > Some(LARGEST_PAGE) => Err(bad("limit")),
        _ => Ok(()),
    }
}

/// The payload of an organization's `users/search`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    limit: Option<usize>,
    cursor: Option<String>,
    expand: Vec<String>,
}

/// Reads the payload of an organization's `users/search`.
pub(in crate::simulator) fn read_organization(call: &mut Call, body: &[u8]) -> Result<(), Reply> {
    let bad = |what: &str| refuse(StatusCode::BAD_REQUEST, what);
    let payload: Payload = serde_json::from_slice(body).map_err(|_| bad("The payload cannot be read"))?;
    if payload.limit.is_some_and(|limit| !(1..=LARGEST_ORG_PAGE).contains(&limit)) {
        return Err(bad("limit must be between 1 and 100"));
    }
    call.limit = payload.limit;
    if let Some(cursor) = payload.cursor {
        (call.start, call.cloud.after) = read_cursor(&cursor).ok_or_else(|| bad("invalid page cursor"))?;
    }
    call.cloud.expand = payload.expand.iter().any(|expand| expand == "productAccess");
    Ok(())
}

/// How many ids a request to `users-bulk` has, told by the quotation marks: reading a large one would cost more than
/// answering it from memory.
pub(in crate::simulator) fn count_ids(body: &[u8]) -> usize {
    (memchr::memchr_iter(b'"', body).count() / 2).saturating_sub(1)
}

/// A cursor says how many rows came before, and which was the last of them; opaque to others.
pub(super) fn cursor(start: usize, after: &str) -> String {
    format!("{start}.{after}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_cursor(cursor: &str) -> Option<(usize, String)> {
    let pairs = (0..cursor.len()).step_by(2).map(|at| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok());
    let text = String::from_utf8(pairs.collect::<Option<_>>()?).ok()?;
    let (start, after) = text.split_once('.')?;
    Some((start.parse().ok()?, after.to_owned()))
}
