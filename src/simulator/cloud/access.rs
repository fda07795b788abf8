//! Whether addresses have access to the site, and invitations.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::CloudSettings;
use super::answer::{ok, refuse};
use crate::simulator::call::Reply;
use crate::simulator::population::Population;

/// The most addresses at once.
const MOST: usize = 100;

#[derive(Deserialize)]
struct Emails {
    emails: Vec<String>,
}

/// Reads a list of addresses, without those that come again.
pub(in crate::simulator) fn read_emails(cloud: &CloudSettings, body: &[u8]) -> Result<Vec<String>, Reply> {
    if !cloud.access_api {
        return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "API is disabled on site"));
    }
    let list: Option<Emails> = serde_json::from_slice(body).ok();
    let mut emails = list.map(|list| list.emails).unwrap_or_default();
    if !(1..=MOST).contains(&emails.len()) {
        return Err(refuse(StatusCode::BAD_REQUEST, "emails must hold between 1 and 100 addresses"));
    }
    let mut seen = BTreeSet::new();
    emails.retain(|email| seen.insert(email.clone()));
    Ok(emails)
}

fn is_valid(email: &str) -> bool {
    email.split_once('@').is_some_and(|(mailbox, host)| {
        !mailbox.is_empty() && host.contains('.') && !host.contains('@') && !email.contains(char::is_whitespace)
    })
}

/// What a check answers.
pub(in crate::simulator) fn check(emails: &[String], has_access: impl Fn(&str) -> bool) -> Reply {
    let without: Vec<_> = emails.iter().filter(|email| is_valid(email) && !has_access(email)).collect();
    let invalid: Vec<_> = emails.iter().filter(|email| !is_valid(email)).collect();
    // The last is not documented, but live sites were seen to send it.
    ok(&json!({ "emailsWithoutAccess": without, "invalidEmails": invalid, "noAccessEmails": without }))
}

/// What an invitation answers: nothing.
pub(in crate::simulator) fn invite() -> Reply {
    Reply::json(StatusCode::OK, "")
}

/// Whether somebody with this address may use the site.
pub(in crate::simulator) fn may_access(site: &Population, email: &str) -> bool {
    site.users.values().any(|user| site.has_access(user) && user.email.eq_ignore_ascii_case(email))
}

pub(super) fn answer_check(site: &Population, cloud: &CloudSettings, body: &[u8]) -> Reply {
    match read_emails(cloud, body) {
        Ok(emails) => check(&emails, |email| may_access(site, email)),
        Err(refusal) => refusal,
    }
}

/// Nothing has changed yet when it answers: the next day brings access.
pub(super) fn answer_invite(site: &mut Population, cloud: &CloudSettings, body: &[u8]) -> Reply {
    match read_emails(cloud, body) {
        Ok(emails) => {
            site.invited.extend(emails.into_iter().filter(|email| is_valid(email)));
            invite()
        }
        Err(refusal) => refusal,
    }
}

impl Population {
    /// Those who were invited get access: with the account they have, or with a new one.
    pub(in crate::simulator) fn welcome(&mut self) {
        for email in std::mem::take(&mut self.invited) {
            if may_access(self, &email) {
                continue;
            }
            let theirs = |user: &&crate::simulator::User| user.exists() && user.email.eq_ignore_ascii_case(&email);
            match self.users.values().find(theirs).map(|user| user.key.clone()) {
                Some(key) => self.join(&key, "confluence-users"),
                None => {
                    let name = self.free_name(email.split('@').next().unwrap_or(&email));
                    let key = self.add(&name);
                    if let Some(user) = self.users.get_mut(&key) {
                        user.email = email;
                    }
                }
            }
        }
    }
}
