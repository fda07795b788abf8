//! A user as Confluence Cloud shows it ([`CloudUser`]), and its activity as the organization tells it ([`Activity`]).

use std::fmt;

use super::{Timestamp, Told};

/// One record of `users-bulk`, decoded. Every field of it may be missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CloudUser {
    /// The account's permanent id, the same on every site.
    pub account_id: String,
    /// The public name or nickname; blank where the reply has none.
    pub public_name: String,
    /// The display name.
    pub display_name: Told<String>,
    /// The e-mail address; blank is hidden, by the user's own choice or for lack of a right.
    pub email: Told<String>,
    /// `active`, `inactive`, `closed`, `unknown`, or a word that nobody knows yet.
    pub account_status: Told<String>,
    /// `atlassian`, `app`, `customer`, `unknown`, or a word that nobody knows yet.
    pub account_type: Told<String>,
    /// Whether the user is an external collaborator.
    pub is_external: Option<bool>,
    /// The time zone; blank where the user hides it.
    pub time_zone: Told<String>,
}

// People are not printed.
impl fmt::Debug for CloudUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudUser").finish_non_exhaustive()
    }
}

/// What an organization says of one user's activity in one Confluence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// `Told(None)` is never; `Untold` where it does not say.
    pub last_active_at: Told<Timestamp>,
    /// When the account was added to the organization.
    pub added_at: Option<Timestamp>,
}
