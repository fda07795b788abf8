//! Who has access to a Cloud site, by e-mail address, and inviting those who have none. Both are experimental at the
//! vendor's.

use std::collections::HashSet;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Cloud, concealed};
use crate::confluence::error::{RequestError, Right, Trouble};
use crate::confluence::http::Request;
use crate::confluence::page::category;

/// The most addresses in one request.
pub const EMAILS: usize = 100;

const ACCESS: Right = Right::Cloud { scope: "read:configuration:confluence" };

/// What the site says of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It belongs to a user with access.
    Granted,
    /// It does not.
    None,
    /// It is no address.
    Invalid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    emails_without_access: Option<Vec<String>>,
    /// What the live site calls them besides; its documentation does not.
    no_access_emails: Option<Vec<String>>,
    invalid_emails: Option<Vec<String>>,
}

impl Cloud<'_> {
    /// Asks which of `emails`, at most [`EMAILS`], have access; the answers are in their order.
    ///
    /// # Panics
    /// When there are more, or none.
    pub async fn check_access(&self, emails: &[&str]) -> Result<Vec<Access>, RequestError> {
        let request = self.by_email("check-access-by-email", emails);
        // Once more, for a site that is only busy.
        let request = Request { retries_when_out: Some(1), ..request };
        self.client.send(&request, |body| told(&body, emails)).await.map_err(explained)
    }

    /// Invites `emails`, at most [`EMAILS`], to the site, which takes its time to do it. Sent once: nobody can tell
    /// whether a request that got no answer was acted on.
    ///
    /// # Panics
    /// When there are more, or none.
    pub async fn invite(&self, emails: &[&str]) -> Result<(), RequestError> {
        let request = self.by_email("invite-by-email", emails);
        let request = Request {
            is_read: false,
            retries: Some(0),
            retries_when_limited: Some(0),
            again_when_late: false,
            ..request
        };
        // The answer is empty.
        self.client.send(&request, |_: Bytes| Ok(())).await.map_err(explained)
    }

    fn by_email(&self, what: &str, emails: &[&str]) -> Request {
        // The site would answer 400, with nothing done.
        assert!((1..=EMAILS).contains(&emails.len()), "{} addresses in one request", emails.len());
        let path = ["api", "v2", "user", "access", what];
        let label = format!("{} ({} addresses)", path.join("/"), emails.len());
        Request::post(self.client.url(&path, &[]), label, ACCESS, json!({ "emails": emails }).to_string())
    }
}

/// What 404 and 503 mean here.
fn explained(error: RequestError) -> RequestError {
    match error.trouble {
        Trouble::Status(503) => RequestError { trouble: Trouble::SwitchedOff, ..error },
        _ => concealed(error),
    }
}

fn told(body: &[u8], emails: &[&str]) -> Result<Vec<Access>, String> {
    let wire: Wire = serde_json::from_slice(body)
        .map_err(|error| format!("not the JSON of an access check: {}", category(&error)))?;
    let Wire { emails_without_access, no_access_emails, invalid_emails } = wire;
    if emails_without_access.is_none() && no_access_emails.is_none() {
        return Err("an access check without 'emailsWithoutAccess'".to_owned());
    }
    let set = |lists: [Option<Vec<String>>; 2]| -> HashSet<String> {
        lists.into_iter().flatten().flatten().map(|email| folded(&email)).collect()
    };
    let without = set([emails_without_access, no_access_emails]);
    let invalid = set([invalid_emails, None]);
    let asked: HashSet<String> = emails.iter().map(|email| folded(email)).collect();
    if !without.is_subset(&asked) || !invalid.is_subset(&asked) {
        // Spelled otherwise it may be one of those asked, who would then seem to have access.
        return Err("an access check about an address that was not asked for".to_owned());
    }
    let access = |email: &&str| match folded(email) {
        email if invalid.contains(&email) => Access::Invalid,
        email if without.contains(&email) => Access::None,
        _ => Access::Granted,
    };
    Ok(emails.iter().map(access).collect())
}

fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_whatever_its_case() {
        let body = br#"{"emailsWithoutAccess":["B@example.com"],"invalidEmails":["c"]}"#;
        let emails = ["a@example.com", "b@example.com", "c"];
        assert_eq!(told(body, &emails).unwrap(), [Access::Granted, Access::None, Access::Invalid]);
        let live = br#"{"noAccessEmails":["a@example.com"],"invalidEmails":[]}"#;
        assert_eq!(told(live, &emails[..1]).unwrap(), [Access::None]);
    }

    #[test]
    fn what_says_nothing_grants_nothing() {
        let another = br#"{"emailsWithoutAccess":["secret@xn--exmple-cua.com"]}"#;
        for body in [&b"{}"[..], b"[]", b"", br#"{"invalidEmails":["secret@example.com"]}"#, another] {
            let error = told(body, &["secret@example.com"]).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
