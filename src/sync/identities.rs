//! Whom the records of a walk are about: users of the mirror by their key, and users who are new.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;

use super::people::UserRef;
use super::resolve::is_deleted;
use crate::model::{SeenUser, SiteId};
use crate::store::{self, AccountRow};

/// Who the decoded records are about, in their order.
#[derive(Default)]
pub struct People {
    /// Whom.
    pub users: Vec<UserRef>,
    /// What is known of each. Boxed: on a first walk there are as many of these as users, all empty.
    pub known: Vec<Option<Box<AccountRow>>>,
}

/// Gives out the users of one walk: none of them twice.
pub struct Identities {
    site: SiteId,
    new_users: usize,
    /// Users without a key, by their names in lower case; loaded when the first new key comes up.
    keyless: Option<HashMap<String, AccountRow>>,
}

impl Identities {
    /// For a walk of `site`.
    pub fn new(site: SiteId) -> Self {
        Self { site, new_users: 0, keyless: None }
    }

    /// The next new user.
    pub fn new_user(&mut self) -> UserRef {
        self.new_users += 1;
        UserRef::new(self.new_users - 1)
    }

    /// How many users are new.
    pub fn new_users(&self) -> usize {
        self.new_users
    }

    /// Finds the users of `records` from `people.users.len()` on; those nobody knows, `listed` neither, become the next
    /// new users.
    pub async fn identify(
        &mut self,
        connection: &mut SqliteConnection,
        people: &mut People,
        records: &[SeenUser],
        listed: impl Fn(&str) -> Option<UserRef>,
    ) -> Result<(), sqlx::Error> {
        let records = &records[people.users.len()..];
        let keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
        let mut accounts = store::accounts_by_key(connection, self.site, &keys).await?;
        for record in records {
            let (user, known) = match (accounts.remove(&record.key), listed(&record.key)) {
                (Some(row), _) => (UserRef::known(row.id), Some(row)),
                (None, Some(user)) => (user, None),
                (None, None) => match self.keyless(connection, record).await? {
                    Some(row) => (UserRef::known(row.id), Some(row)),
                    None => (self.new_user(), None),
                },
            };
            people.users.push(user);
            people.known.push(known.map(Box::new));
        }
        Ok(())
    }

    /// A key that is new may be that of a user whom User Export alone showed until now.
    async fn keyless(
        &mut self,
        connection: &mut SqliteConnection,
        record: &SeenUser,
    ) -> Result<Option<AccountRow>, sqlx::Error> {
        if is_deleted(record) {
            return Ok(None);
        }
        if self.keyless.is_none() {
            self.keyless = Some(store::keyless_accounts(connection, self.site).await?);
        }
        let keyless = self.keyless.as_mut().filter(|keyless| !keyless.is_empty());
        Ok(keyless.and_then(|keyless| keyless.remove(&record.name.to_lowercase())))
    }
}
