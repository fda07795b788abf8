//! How the listings are to be remembered, so that the next walk can pass over what did not change.

use std::collections::HashSet;

use super::diff::Diff;
use super::people::UserRef;
use crate::model::UserId;
use crate::store::{Entry, Part};

/// A row of a listing to be remembered: fingerprint, user, hash of the name.
pub type Remember = (u64, UserRef, u64);

/// A listing: how it was read last, and what is to be remembered of it now; `None` = as it was.
#[derive(Debug, Default)]
pub struct Listing {
    /// How it was.
    pub before: Vec<Entry>,
    /// Its rows now.
    pub now: Option<Vec<Remember>>,
}

/// The listings of a site.
#[derive(Debug, Default)]
pub struct Listings {
    /// The user list.
    pub users: Listing,
    /// The members whom it does not show.
    pub members: Listing,
    /// User Export.
    pub export: Listing,
    /// The directory of the organization.
    pub organization: Listing,
}

impl Listings {
    /// The next walk must not pass over users of whom something is set aside.
    pub fn hold_back(&mut self, removals: &Diff) {
        let held: HashSet<UserId> = removals.edits.iter().map(|edit| edit.id).collect();
        if !held.is_empty() {
            for listing in [&mut self.users, &mut self.members, &mut self.export] {
                listing.doubt(&held);
            }
            // It takes nobody away.
            self.organization.doubt_shown(&held);
        }
    }

    /// Each with its name.
    pub fn parts(self) -> [(Part, Listing); 4] {
        let Self { users, members, export, organization } = self;
        [(Part::Users, users), (Part::Members, members), (Part::Export, export), (Part::Organization, organization)]
    }
}

impl Listing {
    /// Lets the next walk look at the records of `users`, whatever their bytes are.
    pub fn doubt_shown(&mut self, users: &HashSet<UserId>) {
        let before = &self.before;
        if users.is_empty() || (before.is_empty() && self.now.is_none()) {
            return;
        }
        let rows = self.now.get_or_insert_with(|| before.iter().map(remember).collect());
        for (fingerprint, user, _) in rows.iter_mut() {
            if user.known_id().is_some_and(|id| users.contains(&id)) {
                // No record has it.
                *fingerprint = 0;
            }
        }
    }

    /// Lets the next walk look at the records of `users`, whatever their bytes are, and find them absent where they are
    /// not shown.
    pub fn doubt(&mut self, users: &HashSet<UserId>) {
        self.doubt_shown(users);
        if let Some(rows) = &mut self.now {
            let shown: HashSet<UserId> = rows.iter().filter_map(|row| row.1.known_id()).collect();
            let absent: HashSet<UserId> = users.difference(&shown).copied().collect();
            rows.extend(retained(&self.before, &absent).map(|(_, user, name)| (0, user, name)));
        }
    }
}

/// An entry as it is, to be remembered once more.
pub fn remember(entry: &Entry) -> Remember {
    (entry.fingerprint, UserRef::known(entry.user_id()), entry.name)
}

/// The remembered rows of users who are kept.
pub fn retained<'a>(known: &'a [Entry], kept: &'a HashSet<UserId>) -> impl Iterator<Item = Remember> + 'a {
    known.iter().filter(|entry| kept.contains(&entry.user_id())).map(remember)
}

/// What is to be remembered of a listing whose rows have no order of their own, with the rows of users who are `kept`
/// although it does not show them; `None` when it is as it was.
pub fn remember_unordered(known: &[Entry], mut rows: Vec<Remember>, kept: &HashSet<UserId>) -> Option<Vec<Remember>> {
    let shown: HashSet<UserRef> = rows.iter().map(|row| row.1).collect();
    rows.extend(retained(known, kept).filter(|row| !shown.contains(&row.1)));
    rows.sort_unstable_by_key(|row| (row.1, row.2, row.0));
    rows.dedup();
    let unchanged = rows.len() == known.len() && rows.iter().zip(known).all(|(row, entry)| *row == remember(entry));
    (!unchanged).then_some(rows)
}
