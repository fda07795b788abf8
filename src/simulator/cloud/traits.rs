//! What only Cloud tells of an account.

use xxhash_rust::xxh3::xxh3_64;

use crate::simulator::population::{Population, User};

/// What only Cloud tells of an account. [`Population::cloud`] holds those that a test has set; all others follow from
/// the account's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudTraits {
    /// Its owner shows nobody the e-mail: it is blank.
    pub email_hidden: bool,
    /// `None` is `app` for the accounts of services and `atlassian` for all others.
    pub account_type: Option<String>,
    /// A guest from outside.
    pub is_external: bool,
    /// Where its owner lives, if the owner tells.
    pub time_zone: Option<String>,
    /// Instead of `active` or `inactive`, while the account is not deleted: anything Atlassian may come to say.
    pub account_status: Option<String>,
}

const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "GMT"];

impl CloudTraits {
    /// What they are unless somebody sets them. Of the key alone, not of the dice, whose story they would change.
    pub(in crate::simulator) fn of(key: &str) -> Self {
        let hash = xxh3_64(key.as_bytes());
        let zone = ZONES[(hash >> 32) as usize % ZONES.len()];
        Self {
            email_hidden: hash.is_multiple_of(12),
            is_external: (hash >> 8).is_multiple_of(20),
            time_zone: (!(hash >> 16).is_multiple_of(3)).then(|| zone.to_owned()),
            account_type: None,
            account_status: None,
        }
    }
}

impl Population {
    /// What only Cloud tells of this account.
    pub fn traits_of(&self, user: &User) -> CloudTraits {
        self.cloud.get(&user.key).cloned().unwrap_or_else(|| CloudTraits::of(&user.key))
    }

    /// The same, to change one of them and leave the others as they are.
    pub fn traits_mut(&mut self, key: &str) -> &mut CloudTraits {
        self.cloud.entry(key.to_owned()).or_insert_with(|| CloudTraits::of(key))
    }
}
