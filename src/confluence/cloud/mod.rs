//! Confluence Cloud: no endpoint lists all users, so account ids are gathered where they show (search, groups), and
//! `users-bulk` tells what became of each.

mod access;
mod organization;
mod wire;

use bytes::Bytes;
use serde::Serialize;
use url::Url;

pub use self::access::{Access, EMAILS};
pub use self::organization::{OrganizationApi, OrganizationUser, Product, decode_organization_user};
pub use self::wire::{
    AccountIdReader, CloudGroup, account_identity, decode_cloud_group, decode_cloud_user, group_identity, tenant,
};
use super::error::{RequestError, Right, Trouble};
use super::http::{Client, Request};
use super::page::{List, Page};

/// The most rows Cloud puts on a page; it answers 400 when a group's members are asked for with more.
const PAGE: u64 = 200;
/// The search for users ends here, however many there are.
pub const SEARCH_CAP: u64 = 10_000;

const USERS: Right = Right::Cloud { scope: "read:user:confluence" };
const SEARCH: Right = Right::Cloud { scope: "read:content-details:confluence" };
const GROUPS: Right = Right::Cloud { scope: "read:group:confluence" };

/// Where a page of the search begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchFrom {
    /// At this row.
    Row(u64),
    /// Where the page before says, by the query of its `next`: some servers go by a cursor.
    Next(String),
}

/// One Cloud site's interface.
#[derive(Clone, Copy)]
pub struct Cloud<'a> {
    client: &'a Client,
}

impl<'a> Cloud<'a> {
    /// The interface behind `client`.
    pub fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The client below.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// Rows asked for in a page of a listing.
    pub fn page_size(&self) -> u64 {
        u64::from(self.client.limits().page_size).min(PAGE)
    }

    /// A page, of `most` rows at most, of the search for users with any kind of permission. It shows no deactivated ones.
    pub async fn search_page(&self, from: &SearchFrom, most: u64) -> Result<Page, RequestError> {
        const PATH: [&str; 4] = ["rest", "api", "search", "user"];
        let request = |size: u64| {
            let limit = size.to_string();
            let (url, place) = match from {
                SearchFrom::Row(start) => {
                    let query = [
                        ("cql", "type=user"),
                        ("sitePermissionTypeFilter", "all"),
                        ("start", &start.to_string()),
                        ("limit", &limit),
                    ];
                    (self.client.url(&PATH, &query), format!("start={start}"))
                }
                SearchFrom::Next(query) => {
                    let mut url = self.client.url(&PATH, &[]);
                    url.set_query(Some(query));
                    (url, "the next page".to_owned())
                }
            };
            Request::get(url, format!("{}?{place}&limit={limit}", PATH.join("/")), SEARCH)
        };
        self.client.page(self.page_size().min(most), request, results).await
    }

    /// A page of the list of groups, which may be those of the whole organization.
    pub async fn group_page(&self, start: u64, size: u64) -> Result<Page, RequestError> {
        self.listing(&["rest", "api", "group"], start, size).await
    }

    /// A page of a group's members, of every status. An id that nobody has gets an empty page.
    pub async fn member_page(&self, group: &str, start: u64, size: u64) -> Result<Page, RequestError> {
        self.listing(&["rest", "api", "group", group, "membersByGroupId"], start, size).await
    }

    async fn listing(&self, path: &[&str], start: u64, size: u64) -> Result<Page, RequestError> {
        let request = |size: u64| {
            let (from, limit) = (start.to_string(), size.to_string());
            let query = [("start", from.as_str()), ("limit", limit.as_str())];
            let label = format!("{}?start={start}&limit={size}", path.join("/"));
            Request::get(self.client.url(path, &query), label, GROUPS)
        };
        let page = self.client.page(size, request, results).await?;
        let more = page.follows(size);
        // `totalSize` cannot be relied on.
        Ok(Page { total: None, more, ..page })
    }

    /// Looks accounts up by their ids, at most 250. The answer leaves out whom the site does not know; its `next` leads
    /// nowhere. One that can be `halved` is not sent again and again as it is.
    pub async fn users_bulk(&self, ids: &[&str], halved: bool) -> Result<Page, RequestError> {
        const PATH: [&str; 3] = ["api", "v2", "users-bulk"];
        let label = format!("{} ({} ids)", PATH.join("/"), ids.len());
        // Written as it is: a JSON value would hold a copy of every id.
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked<'a> {
            account_ids: &'a [&'a str],
        }
        let payload = serde_json::to_vec(&Asked { account_ids: ids }).expect("texts can be written as JSON");
        let retries = self.client.limits().retries;
        let request = Request {
            retries: Some(if halved { retries.min(1) } else { retries }),
            retries_when_limited: Some(retries),
            again_when_late: !halved,
            ..Request::post(self.client.url(&PATH, &[]), label, USERS, payload)
        };
        self.client.send(&request, |body| self.client.recalled(body, List::Results)).await.map_err(concealed)
    }

    /// The id of the site within its organization, as the site itself tells everybody.
    pub async fn tenant(&self) -> Result<String, RequestError> {
        const PATH: &str = "_edge/tenant_info";
        let url: Url = self.client.url_at_host(&format!("/{PATH}"));
        let request = Request { retries: Some(0), is_public: true, ..Request::get(url, PATH, USERS) };
        self.client.send(&request, |body: Bytes| tenant(&body)).await
    }
}

/// A page of a listing of which every record is looked at in any case.
fn results(body: Bytes) -> Result<Page, String> {
    Page::of(body, List::Results)
}

/// Some endpoints answer 404 to whoever may not use Confluence, or may not view profiles.
fn concealed(error: RequestError) -> RequestError {
    match error.trouble {
        Trouble::NotFound => RequestError { trouble: Trouble::Concealed, ..error },
        _ => error,
    }
}

impl Page {
    /// Whether rows follow a page of Cloud that was asked for with `asked` rows: certainly none, or perhaps some.
    ///
    /// `next` may be there although nothing follows, and servers cap pages; so only a short page without it is the last.
    fn follows(&self, asked: u64) -> Option<bool> {
        let most = self.asked.unwrap_or(asked).min(self.limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX));
        let short = (self.rows.len() as u64) < most;
        (self.has_links && self.next.is_none() && short).then_some(false)
    }
}
