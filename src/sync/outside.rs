//! The members whom the user list does not show: read with details, identified, put into their groups.

use std::collections::HashMap;

use super::error::WalkError;
use super::fetch::Reader;
use super::groups::Groups;
use super::identities::{Identities, People};
use super::members::{Found, Outsiders, read_outsiders, settle_outsiders};
use super::people::{UserRef, name_hash};
use super::remember::Remember;
use super::users::UserListing;
use crate::model::{SeenUser, UserId};
use crate::store::Entry;

/// The members whom the user list does not show.
#[derive(Default)]
pub struct Outside {
    /// Those with something new about them.
    pub records: Vec<SeenUser>,
    /// Whom these are about.
    pub people: People,
    /// All of them, as they are to be remembered.
    pub rows: Vec<Remember>,
    /// Requests made for their details.
    pub windows: u64,
    /// Details that could not be read.
    pub failures: Vec<String>,
}

impl Reader<'_> {
    pub(super) async fn read_outside(
        &mut self,
        users: &UserListing,
        groups: &mut Groups,
        known: &[Entry],
        identities: &mut Identities,
        lookups: &mut u32,
    ) -> Result<Outside, WalkError> {
        let Outsiders { found, failures, windows } =
            read_outsiders(self.extender, &groups.readings, known, lookups).await.map_err(WalkError::of_request)?;
        let mut outside = Outside { windows, failures, ..Outside::default() };

        // New records in a fixed order, so that the same site gives the same ids.
        let mut known_bearers: Vec<(u64, usize)> = Vec::new();
        let mut fresh: Vec<(u64, u64, SeenUser)> = Vec::new();
        for (name, found) in found {
            for found in found {
                match found {
                    Found::Known(entry) => known_bearers.push((name, entry)),
                    Found::Fresh { fingerprint, record } => fresh.push((name, fingerprint, *record)),
                }
            }
        }
        fresh.sort_by(|a, b| a.2.key.cmp(&b.2.key).then(a.1.cmp(&b.1)));
        let mut bearers: HashMap<u64, Vec<UserRef>> = HashMap::new();
        for (name, entry) in known_bearers {
            let Entry { fingerprint, user, name: folded } = known[entry];
            let user = UserRef::known(UserId(i64::from(user)));
            bearers.entry(name).or_default().push(user);
            outside.rows.push((fingerprint, user, folded));
        }
        let mut fresh_rows = Vec::with_capacity(fresh.len());
        for (name, fingerprint, record) in fresh {
            fresh_rows.push((name, fingerprint, outside.records.len(), name_hash(&record.name)));
            if outside.records.last().is_some_and(|last: &SeenUser| last.key == record.key) {
                // One user under two spellings of its name.
                fresh_rows.last_mut().expect("just pushed").2 -= 1;
            } else {
                outside.records.push(record);
            }
        }
        // The list may show a member all the same: under a name that two bear, or another than a moment later.
        let listed = |key: &str| users.fresh(key);
        let found = identities.identify(self.connection, &mut outside.people, &outside.records, listed).await;
        found.map_err(|error| self.store.sql(error))?;
        for (name, fingerprint, record, folded) in fresh_rows {
            let user = outside.people.users[record];
            bearers.entry(name).or_default().push(user);
            outside.rows.push((fingerprint, user, folded));
        }
        settle_outsiders(&mut groups.readings, &bearers);
        Ok(outside)
    }
}
