//! REST API Extender (Data Center), its reading half.

use bytes::Bytes;

use super::error::{RequestError, Right, Trouble};
use super::http::{Client, Request};
use super::page::{List, Page};
use super::wire::decode_user;
use crate::model::SeenUser;

const ROOT: [&str; 3] = ["rest", "extender", "1.0"];

/// The two names of the user list: it was renamed when it became clear that it holds only users with access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserList {
    /// Newer releases.
    GetUsersWithConfluenceAccess,
    /// Older releases.
    GetUsers,
}

impl UserList {
    /// The endpoint's name, as kept in `sites.user_list`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetUsersWithConfluenceAccess => "getUsersWithConfluenceAccess",
            Self::GetUsers => "getUsers",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::GetUsersWithConfluenceAccess => Self::GetUsers,
            Self::GetUsers => Self::GetUsersWithConfluenceAccess,
        }
    }

    /// Reads what [`UserList::as_str`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::GetUsersWithConfluenceAccess, Self::GetUsers].into_iter().find(|list| list.as_str() == name)
    }
}

/// How much a group's listing says of each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The name alone: all that is needed of a member whom the user list shows.
    Name,
    /// Everything, as in the user list.
    Extended,
}

/// What a look-up by name found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// A user of that name.
    Found(Box<SeenUser>),
    /// 404: nobody of that name.
    NotFound,
}

/// Extender's reading interface on one site.
#[derive(Clone, Copy)]
pub struct Extender<'a> {
    client: &'a Client,
}

impl<'a> Extender<'a> {
    /// The interface behind `client`.
    pub fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The client below.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// Reads the first page of the user list under whichever name the site answers, `remembered` first.
    pub async fn first_user_page(
        &self,
        remembered: Option<UserList>,
        size: u64,
    ) -> Result<(UserList, Page), RequestError> {
        let first = remembered.unwrap_or(UserList::GetUsersWithConfluenceAccess);
        match self.user_page(first, 0, size).await {
            Err(error) if error.trouble == Trouble::NotFound => {
                let second = first.other();
                self.user_page(second, 0, size).await.map(|page| (second, page))
            }
            answer => answer.map(|page| (first, page)),
        }
    }

    /// A page of the user list: users with access, with all their details.
    pub async fn user_page(&self, list: UserList, start: u64, size: u64) -> Result<Page, RequestError> {
        self.page(&["user", list.as_str()], Detail::Extended, start, size, |body| self.recalled(body)).await
    }

    /// A page of the list of groups.
    pub async fn group_page(&self, start: u64, size: u64) -> Result<Page, RequestError> {
        let decode = |body| Page::of(body, List::Groups);
        self.page(&["group", "getGroups"], Detail::Name, start, size, decode).await
    }

    /// A page of a group's members, with and without access.
    pub async fn member_page(&self, group: &str, detail: Detail, start: u64, size: u64) -> Result<Page, RequestError> {
        self.page(&["group", "getUsers", group], detail, start, size, |body| self.recalled(body)).await
    }

    /// Looks one user up by name. Tried at most twice: sites that answer 500 for an unknown name exist.
    pub async fn look_up(&self, name: &str) -> Result<LookUp, RequestError> {
        let url = self.client.url(&[&ROOT[..], &["user", "getUserDetails", name]].concat(), &[]);
        let request = Request {
            retries: Some(self.client.limits().retries.min(1)),
            retries_when_limited: Some(self.client.limits().retries),
            ..Request::get(url, "rest/extender/1.0/user/getUserDetails/{name}", Right::Administrator)
        };
        let decode = |body: Bytes| {
            let record = body.trim_ascii();
            decode_user(record).map_err(|error| format!("not a user record: {error}"))
        };
        match self.client.send(&request, decode).await {
            Ok(user) => Ok(LookUp::Found(Box::new(user))),
            Err(error) if error.trouble == Trouble::NotFound => Ok(LookUp::NotFound),
            Err(error) => Err(error),
        }
    }

    fn recalled(&self, body: Bytes) -> Result<Page, String> {
        self.client.recalled(body, List::Users)
    }

    async fn page(
        &self,
        path: &[&str],
        detail: Detail,
        start: u64,
        size: u64,
        decode: impl Fn(Bytes) -> Result<Page, String>,
    ) -> Result<Page, RequestError> {
        let segments = [&ROOT[..], path].concat();
        let right = if path[0] == "user" { Right::Administrator } else { Right::UseConfluence };
        let request = |size: u64| {
            let (start_at, max_results) = (start.to_string(), size.to_string());
            let mut query = vec![("startAt", start_at.as_str()), ("maxResults", max_results.as_str())];
            if detail == Detail::Extended {
                query.push(("showExtendedDetails", "true"));
            }
            let label = format!("{}?startAt={start}&maxResults={size}", segments.join("/"));
            Request::get(self.client.url(&segments, &query), label, right)
        };
        self.client.page(size, request, decode).await
    }
}

/// Whether a name can stand in a path at all: Tomcat refuses `%2F`, and a URL has no way to spell `.` and `..`.
pub fn is_addressable(name: &str) -> bool {
    !name.contains(['/', '\\']) && name != "." && name != ".."
}
