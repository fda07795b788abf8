//! Which of the upstream interfaces an address belongs to, and what it asks for.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::super::refusal::Refusal;
use crate::config::SiteKind;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Extender: the users with access.
    Users,
    /// Extender: one user, by name.
    User(String),
    /// Extender: the groups.
    Groups,
    /// Extender: the members of a group.
    Members(String),
    /// User Export: a page of users.
    Search,
    /// User Export: a file of users, by its ending.
    File(&'static str),
    /// User Export: a file that was made.
    Download,
    /// Cloud: accounts by their ids.
    Bulk,
}

/// An address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The site, where the address names it.
    pub site: Option<String>,
    /// `None`: there is nothing at it.
    pub call: Option<Call>,
    /// Of which kind the site has to be.
    pub kind: SiteKind,
}

impl Call {
    /// The methods that it answers.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Search | Self::File(_) | Self::Bulk => &[Method::POST],
            _ => &[Method::GET, Method::HEAD],
        }
    }
}

/// The kind of a site, for readers.
pub(super) fn kind_name(kind: SiteKind) -> &'static str {
    match kind {
        SiteKind::DataCenter => "Data Center",
        SiteKind::Cloud => "Cloud",
    }
}

/// Reads the path of an address, undecoded.
///
/// # Errors
/// It holds an escape that is none.
pub(super) fn read(path: &str) -> Result<Address, Refusal> {
    let segments: Vec<_> = path.split('/').skip(1).map(decoded).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (site, below) = match &segments[..] {
        ["sites", site, below @ ..] => (Some((*site).to_owned()), below),
        below => (None, below),
    };
    let call = match below {
        ["rest", "extender", "1.0", "user", "getUsers" | "getUsersWithConfluenceAccess"] => Some(Call::Users),
        ["rest", "extender", "1.0", "user", "getUserDetails", name] if !name.is_empty() => {
            Some(Call::User((*name).to_owned()))
        }
        ["rest", "extender", "1.0", "group", "getGroups"] => Some(Call::Groups),
        ["rest", "extender", "1.0", "group", "getUsers", group] if !group.is_empty() => {
            Some(Call::Members((*group).to_owned()))
        }
        ["rest", "confluenceuserexport", "1.0", "search"] => Some(Call::Search),
        ["rest", "confluenceuserexport", "1.0", "file", ending] => {
            ["json", "xml", "csv", "xlsx"].into_iter().find(|known| known == ending).map(Call::File)
        }
        ["plugins", "servlet", "confluenceuserexport", "admin", "download"] => Some(Call::Download),
        ["wiki", "api", "v2", "users-bulk"] => Some(Call::Bulk),
        _ => None,
    };
    Ok(Address { site, call, kind: kind(path) })
}

/// Of which kind a site has to be that is asked by such a path.
pub(super) fn kind(path: &str) -> SiteKind {
    let mut segments = path.split('/').skip(1);
    let first = match segments.next() {
        Some("sites") => segments.nth(1),
        first => first,
    };
    if first == Some("wiki") { SiteKind::Cloud } else { SiteKind::DataCenter }
}

fn decoded(segment: &str) -> Result<String, Refusal> {
    let bytes = segment.as_bytes();
    let is_escape = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    let escapes = memchr::memchr_iter(b'%', bytes);
    let text = percent_decode_str(segment).decode_utf8().ok().filter(|_| { escapes }.all(is_escape));
    text.map(Into::into).ok_or_else(|| Refusal::bad("the address holds an escape (%) that stands for no text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_a_site() {
        let call = |path: &str| {
            let address = read(path).unwrap();
            (address.site, address.call)
        };
        for list in ["getUsers", "getUsersWithConfluenceAccess"] {
            assert_eq!(call(&format!("/rest/extender/1.0/user/{list}")), (None, Some(Call::Users)));
        }
        let corp = Some("corp".to_owned());
        let prefixed = |below: &str| call(&format!("/sites/corp{below}"));
        assert_eq!(prefixed("/rest/extender/1.0/group/getGroups"), (corp.clone(), Some(Call::Groups)));
        assert_eq!(prefixed("/rest/confluenceuserexport/1.0/file/csv"), (corp.clone(), Some(Call::File("csv"))));
        assert_eq!(prefixed("/wiki/api/v2/users-bulk"), (corp.clone(), Some(Call::Bulk)));
        assert_eq!(kind("/sites/corp/wiki/api/v2/users-bulk"), SiteKind::Cloud);
        assert_eq!(kind("/wiki/x"), SiteKind::Cloud);
        assert_eq!(kind("/sites/wiki/rest/extender/1.0/x"), SiteKind::DataCenter);
        for nothing in
            ["/rest/extender/1.0/user/getUsers/", "/rest/extender/1.0/user/getUserDetails/", "/rest/extender/1.0/x"]
        {
            assert_eq!(call(nothing), (None, None), "{nothing}");
        }
    }

    #[test]
    fn names_are_decoded_once() {
        let group = |name: &str| match read(&format!("/rest/extender/1.0/group/getUsers/{name}")).unwrap().call {
            Some(Call::Members(group)) => group,
            other => panic!("{other:?}"),
        };
        for (written, name) in [
            ("a%20b%23%3F%40%2B%25%26%3B", "a b#?@+%&;"),
            ("a+b", "a+b"),
            ("%C3%A9quipe%20%E6%BC%A2%E5%AD%97", "équipe 漢字"),
            ("..", ".."),
            ("%2e%2E", ".."),
            ("ops%2Fon-call", "ops/on-call"),
            ("%2541", "%41"),
        ] {
            assert_eq!(group(written), name);
        }
        for bad in ["100%", "%zz", "%ff", "%+1"] {
            assert!(read(&format!("/rest/extender/1.0/group/getUsers/{bad}")).is_err(), "{bad}");
        }
    }
}
