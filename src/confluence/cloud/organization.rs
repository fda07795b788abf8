//! The Organizations API: the users of an organization, and when each was last active in which product.
//!
//! Two spellings are accepted everywhere, that of its second version (`productAccess`) and that of its first
//! (`product_access`), and two styles of `next`, a bare cursor and an address with one. The data lag a day behind.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use crate::confluence::error::{RequestError, Right, Trouble};
use crate::confluence::http::{Client, Request};
use crate::confluence::page::{List, Page, category};
use crate::confluence::wire::{Malformed, identifier, malformed, parse, told};
use crate::model::{Timestamp, Told};

/// The most users on a page.
const PAGE: u64 = 100;
/// A user has no more pages of products.
const PRODUCT_PAGES: usize = 20;
/// How the product Confluence is called.
const CONFLUENCE: &str = "confluence";

/// One Confluence that a user has access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The id of its site: the last part of the product's own id.
    pub cloud_id: String,
    /// When the user was last active there; `Told(None)` is never.
    pub last_active_at: Told<Timestamp>,
}

/// What an organization says of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationUser {
    /// The account's id; blank where it was asked for by it.
    pub account_id: String,
    /// Each Confluence; `None` where the reply does not speak of products.
    pub confluences: Option<Vec<Product>>,
    /// It has products, Confluence or others.
    pub has_products: bool,
    /// When the account was added to the organization.
    pub added_at: Option<Timestamp>,
}

impl OrganizationUser {
    /// What is said of the Confluence with this id; `None` where it is not spoken of.
    pub fn confluence(&self, cloud_id: &str) -> Option<&Product> {
        self.confluences.as_ref()?.iter().find(|product| product.cloud_id.eq_ignore_ascii_case(cloud_id))
    }
}

/// An organization's interface.
#[derive(Clone, Copy)]
pub struct OrganizationApi<'a> {
    client: &'a Client,
    id: &'a str,
}

impl<'a> OrganizationApi<'a> {
    /// The interface of the organization `id` behind `client`.
    pub fn new(client: &'a Client, id: &'a str) -> Self {
        Self { client, id }
    }

    /// The client below.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// The organization's id.
    pub(in crate::confluence) fn id(&self) -> &'a str {
        self.id
    }

    /// A page of all users of the organization, with their products, from `cursor` on.
    pub async fn users(&self, cursor: Option<&str>) -> Result<Page, RequestError> {
        let path = ["v2", "orgs", self.id, "directories", "-", "users", "search"];
        let request = |size: u64| {
            let mut payload = json!({ "limit": size, "expand": ["productAccess"] });
            if let Some(cursor) = cursor {
                payload["cursor"] = cursor.into();
            }
            let label = format!("v2/orgs/{{id}}/directories/-/users/search (limit {size})");
            Request::post(self.client.url(&path, &[]), label, Right::Organization, payload.to_string())
        };
        let size = u64::from(self.client.limits().page_size).min(PAGE);
        let page = self.client.page(size, request, |body| self.client.recalled(body, List::Data)).await?;
        let next = page.next.as_deref().and_then(cursor_of);
        Ok(Page { next, ..page })
    }

    /// One user's last-active dates; `None` when the organization does not know the account.
    pub async fn last_active(&self, account_id: &str) -> Result<Option<OrganizationUser>, RequestError> {
        let path = ["v1", "orgs", self.id, "directory", "users", account_id, "last-active-dates"];
        let mut found = OrganizationUser::default();
        let mut cursor: Option<String> = None;
        for _ in 0..PRODUCT_PAGES {
            let query: Vec<_> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
            let label = "v1/orgs/{id}/directory/users/{account}/last-active-dates";
            let request = Request::get(self.client.url(&path, &query), label, Right::Organization);
            let (page, next) = match self.client.send(&request, |body: Bytes| decode_dates(&body)).await {
                Err(error) if error.trouble == Trouble::NotFound => return Ok(None),
                answer => answer?,
            };
            if let Some(confluences) = page.confluences {
                found.confluences.get_or_insert_default().extend(confluences);
            }
            found.has_products |= page.has_products;
            found.added_at = found.added_at.or(page.added_at);
            let again = next == cursor;
            cursor = next;
            if cursor.is_none() || again {
                break;
            }
        }
        Ok(Some(found))
    }
}

/// The cursor in a `next`: itself, or the parameter of that name where it is an address.
fn cursor_of(next: &str) -> Option<String> {
    let Some((_, query)) = next.split_once('?') else {
        let is_address = next.contains("://") || next.starts_with('/');
        return (!next.is_empty() && !is_address).then(|| next.to_owned());
    };
    let query = query.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

#[derive(Deserialize)]
struct WireUser<'a> {
    #[serde(borrow, default, rename = "accountId", alias = "account_id")]
    account_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "productAccess", alias = "product_access")]
    products: Option<Vec<WireProduct<'a>>>,
    #[serde(borrow, default, rename = "addedToOrg", alias = "added_to_org")]
    added_to_org: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct WireProduct<'a> {
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(
        default,
        deserialize_with = "told",
        rename = "lastActiveTimestamp",
        alias = "last_active",
        alias = "lastActive"
    )]
    last_active: Told<String>,
}

/// Decodes a record of `users/search`.
pub fn decode_organization_user(record: &[u8]) -> Result<OrganizationUser, Malformed> {
    let wire: WireUser<'_> = parse(record)?;
    let id = wire.account_id.as_deref().ok_or_else(|| malformed("accountId", "missing"))?;
    let account_id = identifier("accountId", id)?;
    Ok(OrganizationUser { account_id, ..of_wire(wire) })
}

/// Decodes `{"data":{…},"links":{"next":…}}`.
fn decode_dates(body: &[u8]) -> Result<(OrganizationUser, Option<String>), String> {
    #[derive(Deserialize)]
    struct Dates<'a> {
        #[serde(borrow)]
        data: Option<WireUser<'a>>,
        links: Option<Links>,
    }
    #[derive(Deserialize)]
    struct Links {
        next: Option<String>,
    }
    let dates: Dates<'_> = serde_json::from_slice(body)
        .map_err(|error| format!("not the JSON of last-active dates: {}", category(&error)))?;
    let data = dates.data.ok_or("last-active dates without 'data'")?;
    let next = dates.links.and_then(|links| links.next).and_then(|next| cursor_of(&next));
    Ok((of_wire(data), next))
}

fn of_wire(wire: WireUser<'_>) -> OrganizationUser {
    let WireUser { account_id: _, products, added_to_org } = wire;
    let has_products = products.as_ref().is_some_and(|products| !products.is_empty());
    let confluences = products.map(|products| {
        let confluences = products.into_iter().filter(|product| product.key.as_deref() == Some(CONFLUENCE));
        confluences.filter_map(product).collect()
    });
    let added_at = added_to_org.as_deref().and_then(moment);
    OrganizationUser { account_id: String::new(), confluences, has_products, added_at }
}

fn product(wire: WireProduct<'_>) -> Option<Product> {
    let id = wire.id?;
    let cloud_id = id.rsplit(['/', ':']).next().filter(|id| !id.is_empty())?.to_owned();
    let last_active_at = match wire.last_active {
        // Not there, null and blank are the same here: access, and no activity.
        Told::Untold | Told::Told(None) => Told::Told(None),
        Told::Told(Some(text)) if text.trim().is_empty() => Told::Told(None),
        // What is no time tells nothing: it is not "never".
        Told::Told(Some(text)) => moment(&text).map_or(Told::Untold, |at| Told::Told(Some(at))),
    };
    Some(Product { cloud_id, last_active_at })
}

/// A moment, or a day: its first moment in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let exact = DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    let millis = exact.or_else(|| day().map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_millis()))?;
    Timestamp::from_millis(millis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Told<Timestamp> {
        Told::Told(Some(Timestamp::parse_sql(text).unwrap()))
    }

    #[test]
    fn both_spellings_are_read() {
        let new = decode_organization_user(
            br#"{"accountId":"a","addedToOrg":"2024-05-01T10:00:00.000Z","productAccess":[
                {"key":"jira-software","id":"ari:cloud:jira-software::site/s1","lastActiveTimestamp":"2025-02-02T00:00:00Z"},
                {"key":"confluence","id":"ari:cloud:confluence::site/s1","lastActiveTimestamp":"2025-03-01T08:15:00.000Z"},
                {"key":"confluence","id":"ari:cloud:confluence::site/s2"}]}"#,
        )
        .unwrap();
        assert_eq!(new.confluence("S1").unwrap().last_active_at, at("2025-03-01 08:15:00.000"));
        assert_eq!(new.confluence("s2").unwrap().last_active_at, Told::Told(None));
        assert!(new.has_products && new.confluence("s3").is_none());
        let (old, next) = decode_dates(
            br#"{"data":{"product_access":[{"id":"s1","key":"confluence","last_active":"2025-03-01"}],
                "added_to_org":"2024-05-01"},"links":{"next":"https://elsewhere.example.com/x?cursor=a%2Bb&y=1"}}"#,
        )
        .unwrap();
        assert_eq!(old.confluence("s1").unwrap().last_active_at, at("2025-03-01 00:00:00.000"));
        assert_eq!(
            (old.added_at.map(Timestamp::to_sql).as_deref(), next.as_deref()),
            (Some("2024-05-01 00:00:00.000"), Some("a+b"))
        );
    }

    #[test]
    fn what_is_not_said_is_not_never() {
        let silent = decode_organization_user(br#"{"accountId":"a"}"#).unwrap();
        assert_eq!((silent.confluences, silent.has_products), (None, false));
        let odd = decode_organization_user(
            br#"{"account_id":"a","productAccess":[{"key":"confluence","id":"x/s1","lastActive":"yesterday"}]}"#,
        )
        .unwrap();
        assert_eq!(odd.confluence("s1").unwrap().last_active_at, Told::Untold);
        assert!(decode_dates(b"{}").is_err());
    }

    #[test]
    fn a_next_is_a_cursor_or_an_address_with_one() {
        for (next, cursor) in [
            ("MDNlZWRm", Some("MDNlZWRm")),
            ("/admin/v1/x?cursor=abc", Some("abc")),
            ("https://evil.example.com/?a=b", None),
            ("https://evil.example.com/", None),
            ("", None),
        ] {
            assert_eq!(cursor_of(next).as_deref(), cursor, "{next}");
        }
    }
}
