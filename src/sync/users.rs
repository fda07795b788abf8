//! The user list of this walk: read until a reading is complete, each row assigned to the user it is about.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::error::WalkError;
use super::guard::is_emptied;
use super::identities::{Identities, People};
use super::members::PASSES;
use super::people::{Names, UserRef, name_hash};
use super::remember::Remember;
use super::roll::{Roll, Row};
use super::walk::Progress;
use crate::confluence::{Extender, Page, Pass, UserList, key_identity, read_listing};
use crate::model::{SeenUser, UserId};
use crate::store::{Entry, Store};

/// The user list as read.
pub struct UserListing {
    /// The endpoint that answered.
    pub endpoint: UserList,
    /// Its rows.
    pub roll: Roll<SeenUser>,
    /// Whom the decoded rows are about.
    pub people: People,
    /// Users seen by the last walk that this one did not see.
    pub absent: Vec<UserId>,
    /// The last reading.
    pub pass: Pass,
    /// How often it was read.
    pub passes: u32,
    /// Different users the last reading brought.
    pub distinct: u64,
    /// What is missing; `None` when it is complete.
    pub problem: Option<String>,
}

/// Reads the user list.
pub async fn read_users(
    extender: Extender<'_>,
    (connection, store): (&mut SqliteConnection, &Store),
    remembered: Option<UserList>,
    known: Vec<Entry>,
    identities: &mut Identities,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<UserListing, WalkError> {
    let limits = extender.client().limits();
    let page_size = u64::from(limits.page_size);
    let (endpoint, first) = extender.first_user_page(remembered, page_size).await.map_err(WalkError::of_request)?;
    let list = format!("user/{}", endpoint.as_str());
    let mut first = Some(first);
    let mut roll = Roll::new(known);
    let mut people = People::default();
    let mut completed = 0;
    let mut passes = 0;
    loop {
        passes += 1;
        roll.begin_pass();
        let mut read = 0;
        let pass = read_listing(
            |start, size| extender.user_page(endpoint, start, size),
            first.take(),
            page_size,
            limits.concurrency,
            key_identity,
            |page: Page, fresh| {
                roll.expect(page.total);
                roll.take(&page, fresh, &list, read, |_| false);
                read += (page.rows.len() - fresh) as u64;
                progress(Progress::Users { read, total: page.total });
            },
        )
        .await;
        let pass = match pass {
            // What the reading before brought counts all the same.
            Err(error) if passes > 1 && !error.trouble.is_refusal() && !error.trouble.is_block() => {
                Pass { failures: vec![error], received: read, ..Pass::default() }
            }
            pass => pass.map_err(WalkError::of_request)?,
        };
        let distinct = roll.distinct();
        if passes == 1 && is_emptied(roll.known().len(), pass.received) {
            return Err(WalkError::Emptied { known: roll.known().len() });
        }
        let found = identities.identify(connection, &mut people, roll.fresh(), |_| None).await;
        found.map_err(|error| store.sql(error))?;
        let absent = roll.absent(&people.users);
        let (malformed, rows) = roll.malformed();
        let complete = pass.is_complete(distinct + rows);
        completed += u32::from(complete);
        // Somebody is not there any more, in a list that moved while it was read: once more, to be sure.
        let doubtful = pass.disturbed && !absent.is_empty() && completed < 2;
        let done = (complete && !doubtful) || !pass.failures.is_empty();
        if !done && passes < PASSES {
            continue;
        }
        let problem = if rows > 0 {
            Some(format!("{rows} records of the user list cannot be read: {}", malformed.join("; ")))
        } else if completed == 0 || !pass.failures.is_empty() {
            Some(format!("the user list is incomplete: {}", pass.shortfall(distinct)))
        } else {
            None
        };
        return Ok(UserListing { endpoint, roll, people, absent, pass, passes, distinct, problem });
    }
}

impl UserListing {
    /// Nothing is missing: whom it does not show is not listed.
    pub fn is_complete(&self) -> bool {
        self.problem.is_none()
    }

    /// Every name stands for the user it stood for in the last walk.
    pub fn names_are_as_before(&self) -> bool {
        if !self.absent.is_empty() || self.people.users.iter().any(|user| user.new_index().is_some()) {
            return false;
        }
        let fresh: HashMap<u64, u64> = self
            .people
            .users
            .iter()
            .zip(self.roll.fresh())
            .map(|(user, record)| (user.id(UserId(0)).0 as u64, name_hash(&record.name)))
            .collect();
        let mut known = HashSet::new();
        for entry in self.roll.known() {
            if let Some(name) = fresh.get(&u64::from(entry.user)) {
                if *name != entry.name {
                    return false;
                }
                known.insert(entry.user);
            }
        }
        // One that was not in the list before brings a name with it.
        known.len() == fresh.len()
    }

    /// Those of `users` whom the list shows.
    pub fn shows(&self, users: &[UserRef]) -> HashSet<UserRef> {
        let mut unseen: HashSet<UserId> = users.iter().filter_map(|user| user.known_id()).collect();
        self.roll.retain_unseen(&mut unseen, &self.people.users);
        let fresh: HashSet<UserRef> = self.people.users.iter().copied().collect();
        users
            .iter()
            .copied()
            .filter(|user| user.known_id().map_or_else(|| fresh.contains(user), |id| !unseen.contains(&id)))
            .collect()
    }

    /// The user of this key, if the list shows it and something about it is new.
    pub fn fresh(&self, key: &str) -> Option<UserRef> {
        self.roll.fresh_with_key(key).map(|at| self.people.users[at])
    }

    /// Who bears which name, among those whose rows arrived: a name that somebody else had may have been passed on. With
    /// the names of `others`.
    pub fn names(&self, others: &[Remember]) -> Names {
        let known = self.people.users.iter().filter(|user| user.new_index().is_none());
        let fresh: HashSet<UserRef> = known.copied().collect();
        let bearer = |row| match row {
            Row::Known(entry) => {
                let entry = &self.roll.known()[entry as usize];
                let user = UserRef::known(entry.user_id());
                (fresh.is_empty() || !fresh.contains(&user)).then_some((entry.name, user))
            }
            Row::Fresh { at, .. } => {
                Some((name_hash(&self.roll.fresh()[at as usize].name), self.people.users[at as usize]))
            }
        };
        let others = || others.iter().map(|(_, user, name)| (*name, *user));
        Names::of(self.roll.rows().len() + others().len(), || self.roll.rows().filter_map(bearer).chain(others()))
    }

    /// The listing as it is to be remembered, those in `kept` with it although it does not show them;
    /// `None` when it is as it was.
    pub fn remember(&self, kept: &HashSet<UserId>) -> Option<Vec<Remember>> {
        self.roll.remember(kept, |at| Some(self.people.users[at]))
    }
}
