//! A request as the site reads it, and the reply it sends.

use axum::http::StatusCode;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::form_urlencoded;

use super::cloud::Ask;

/// What a request asks for. Faults and counters go by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `user/getUsersWithConfluenceAccess` or `user/getUsers`.
    UserList,
    /// `user/getUserDetails/{name}`.
    UserDetails,
    /// `group/getGroups`.
    GroupList,
    /// `group/getUsers/{group}`.
    GroupMembers,
    /// User Export's `search`.
    UserExportSearch,
    /// User Export's `file/{json,xml,csv,xlsx}`.
    UserExportFile,
    /// User Export's servlet that sends a file made before.
    UserExportDownload,
    /// Cloud's `search/user`.
    CloudSearch,
    /// Cloud's `group`.
    CloudGroups,
    /// Cloud's `group/{id}/membersByGroupId`.
    CloudMembers,
    /// Cloud's `users-bulk`.
    UsersBulk,
    /// Cloud's `check-access-by-email`.
    AccessCheck,
    /// Cloud's `invite-by-email`.
    AccessInvite,
    /// The organization's `users/search`.
    OrgUsers,
    /// The organization's `last-active-dates` of one account.
    OrgLastActive,
    /// The organization's API keys.
    OrgKeys,
    /// The account's personal access tokens, on Data Center.
    Tokens,
    /// Anything else.
    #[default]
    Other,
}

impl Endpoint {
    /// Whether it belongs to User Export rather than to REST API Extender.
    pub(super) fn is_user_export(self) -> bool {
        matches!(self, Self::UserExportSearch | Self::UserExportFile | Self::UserExportDownload)
    }

    /// Whether it is one of Cloud's or of an organization's.
    pub(super) fn is_cloud(self) -> bool {
        matches!(self, Self::CloudSearch | Self::CloudGroups | Self::CloudMembers | Self::UsersBulk)
            || matches!(self, Self::AccessCheck | Self::AccessInvite | Self::OrgUsers | Self::OrgLastActive)
            || self == Self::OrgKeys
    }

    /// Whether it is asked by POST.
    pub(super) fn is_posted(self) -> bool {
        matches!(self, Self::UserExportSearch | Self::UserExportFile | Self::UsersBulk | Self::OrgUsers)
            || matches!(self, Self::AccessCheck | Self::AccessInvite)
    }
}

/// How much of each user a listing shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The name alone.
    #[default]
    Name,
    /// `showBasicDetails=true`.
    Basic,
    /// `showExtendedDetails=true`, and every look-up.
    Extended,
}

/// A request, taken apart.
#[derive(Default)]
pub(super) struct Call {
    pub endpoint: Endpoint,
    /// The user list was asked for by its old name.
    pub old_name: bool,
    /// The user or group in the path, decoded; the extension or the name of a file of User Export's.
    pub subject: String,
    pub start: usize,
    /// `maxResults`, when one was asked.
    pub limit: Option<usize>,
    pub detail: Detail,
    /// A pattern of Java's, when one was asked.
    pub date_format: Option<String>,
    /// What User Export's `search` looks for.
    pub search: Search,
    /// What only requests to Cloud say.
    pub cloud: Ask,
}

/// Which users User Export's `search` is to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// Part of the name, the full name or the e-mail, in lower case; blank for everybody.
    pub text: String,
    pub active: bool,
    pub inactive: bool,
}

impl Search {
    /// Whether it lists an account.
    pub fn wants(&self, active: bool, name: &str, full_name: &str, email: &str) -> bool {
        (if active { self.active } else { self.inactive })
            && (self.text.is_empty()
                || [name, full_name, email].iter().any(|text| text.to_lowercase().contains(&self.text)))
    }
}

/// The payload of `search`, as the app's page shows it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    search_string: Option<String>,
    active_users: bool,
    in_active_users: bool,
    offset: usize,
    page_size: Option<usize>,
}

/// A part of a listing, after the server's own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub start: usize,
    pub limit: usize,
}

impl Page {
    /// The rows of this page in a listing of `total`.
    pub fn range(self, total: usize) -> std::ops::Range<usize> {
        let start = self.start.min(total);
        start..start.saturating_add(self.limit).min(total)
    }
}

/// A reply before it becomes HTTP.
pub(super) struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

const HTML: &str = "text/html;charset=UTF-8";
const JSON: &str = "application/json";

impl Reply {
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: JSON, headers: Vec::new(), body: body.into() }
    }

    pub fn html(status: StatusCode, body: &'static str) -> Self {
        Self { status, content_type: HTML, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    /// A refusal as the app words it.
    pub fn message(status: StatusCode, message: &str) -> Self {
        Self::json(status, serde_json::json!({ "message": message }).to_string())
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Call {
    /// Reads a path (below the context path) and a query as Tomcat and the app would.
    pub fn read(path: &str, query: &str) -> Result<Self, Reply> {
        let mut call = Self::default();
        if let Some(path) = path.strip_prefix("/rest/confluenceuserexport/1.0/") {
            (call.endpoint, call.subject) = match path.split_once('/') {
                None if path == "search" => (Endpoint::UserExportSearch, String::new()),
                Some(("file", kind @ ("json" | "xml" | "csv" | "xlsx"))) => (Endpoint::UserExportFile, kind.to_owned()),
                _ => (Endpoint::Other, String::new()),
            };
            return Ok(call);
        }
        if path == "/plugins/servlet/confluenceuserexport/admin/download" {
            call.endpoint = Endpoint::UserExportDownload;
            let name = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "fileName");
            call.subject = name.map(|(_, value)| value.into_owned()).unwrap_or_default();
            return Ok(call);
        }
        if path == "/rest/pat/latest/tokens" {
            call.endpoint = Endpoint::Tokens;
            return Ok(call);
        }
        let Some(path) = path.strip_prefix("/rest/extender/1.0/") else { return Ok(call) };
        let segments = path.split('/').map(segment).collect::<Option<Vec<_>>>().ok_or_else(bad_path)?;
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        (call.endpoint, call.subject) = match segments[..] {
            ["user", list @ ("getUsersWithConfluenceAccess" | "getUsers")] => {
                call.old_name = list == "getUsers";
                (Endpoint::UserList, String::new())
            }
            ["user", "getUserDetails", name] if !name.is_empty() => (Endpoint::UserDetails, name.to_owned()),
            ["group", "getGroups"] => (Endpoint::GroupList, String::new()),
            ["group", "getUsers", group] if !group.is_empty() => (Endpoint::GroupMembers, group.to_owned()),
            _ => return Ok(call),
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // JAX-RS answers a query parameter of the wrong type with 404.
            let number =
                |value: &str| value.parse::<i64>().map_err(|_| Reply::message(StatusCode::NOT_FOUND, "null for uri"));
            match &*name {
                "startAt" => call.start = usize::try_from(number(&value)?).unwrap_or(0),
                "maxResults" => call.limit = usize::try_from(number(&value)?).ok().filter(|&limit| limit > 0),
                "showExtendedDetails" if value == "true" => call.detail = Detail::Extended,
                "showBasicDetails" if value == "true" && call.detail == Detail::Name => call.detail = Detail::Basic,
                "dateFormat" => call.date_format = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(call)
    }

    /// Reads the payload of User Export's `search`.
    pub fn read_search(&mut self, body: &[u8]) -> Result<(), Reply> {
        let payload: Payload = serde_json::from_slice(body)
            .map_err(|_| Reply::message(StatusCode::BAD_REQUEST, "Cannot deserialize the search"))?;
        self.start = payload.offset;
        self.limit = payload.page_size.filter(|&size| size > 0);
        self.search = Search {
            text: payload.search_string.unwrap_or_default().to_lowercase(),
            active: payload.active_users,
            inactive: payload.in_active_users,
        };
        Ok(())
    }

    /// Which rows to send: what was asked, or the default that real servers were seen to apply, within the cap.
    pub fn page(&self, cap: Option<usize>) -> Page {
        let default = match self.endpoint {
            Endpoint::GroupList => 50,
            Endpoint::GroupMembers => 100,
            // Its own default is not known; that of its page's first example.
            Endpoint::UserExportSearch => 20,
            Endpoint::CloudSearch => 25,
            Endpoint::CloudGroups | Endpoint::CloudMembers => 200,
            Endpoint::OrgUsers => 100,
            // So few that those who use several products have a second page.
            Endpoint::OrgLastActive => 3,
            _ => 1000,
        };
        let limit = match (self.endpoint, self.limit) {
            (Endpoint::CloudSearch, Some(limit)) => limit.min(200),
            (_, limit) => limit.unwrap_or(default),
        };
        Page { start: self.start, limit: cap.map_or(limit, |cap| limit.min(cap)) }
    }
}

/// One segment of a path, decoded as strictly as Tomcat does; `None` is a 400.
pub(super) fn segment(raw: &str) -> Option<String> {
    // A raw `;` begins a path parameter, which Tomcat drops: a name with one must be encoded.
    let raw = raw.split(';').next().unwrap_or_default();
    let bytes = raw.as_bytes();
    for (at, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'%') {
        let digits = bytes.get(at + 1..at + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    let text = percent_decode_str(raw).decode_utf8().ok()?;
    (!text.contains(['/', '\\', '\0'])).then(|| text.into_owned())
}

fn bad_path() -> Reply {
    Reply::html(
        StatusCode::BAD_REQUEST,
        "<!doctype html><html lang=\"en\"><head><title>HTTP Status 400 – Bad Request</title></head><body>\
         <h1>HTTP Status 400 – Bad Request</h1></body></html>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_strictly() {
        assert_eq!(segment("%C3%A9quipe%20a+b").as_deref(), Some("équipe a+b"));
        for bad in ["ops%2Fon-call", "ops%2fon-call", "100%", "%zz", "%ff", "a%5Cb", "%+1"] {
            assert_eq!(segment(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_is_what_was_asked_within_the_cap() {
        let call = |url: &str| {
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            Call::read(&format!("/rest/extender/1.0/{path}"), query).ok().expect("a readable call")
        };
        assert_eq!(call("user/getUsers").page(None).limit, 1000);
        assert_eq!(call("group/getGroups").page(None).limit, 50);
        assert_eq!(call("group/getUsers/x").page(None).limit, 100);
        assert_eq!(call("group/getUsers/x?maxResults=20&startAt=40").page(Some(7)), Page { start: 40, limit: 7 });
        assert_eq!(call("group/getUsers/x?maxResults=5").page(Some(7)).limit, 5);
        assert!(Call::read("/rest/extender/1.0/user/getUsers", "startAt=x").is_err());
    }
}
