//! Whom REST API Extender showed in this walk, and who may stand behind what did not arrive.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::outside::Outside;
use super::people::{Names, UserRef};
use super::remember::{Remember, remember_unordered};
use super::users::UserListing;
use crate::model::UserId;
use crate::store::Entry;

/// The user list and the members whom it does not show, as read and as they were.
pub struct Extended<'a> {
    /// The user list.
    pub users: &'a UserListing,
    /// The members whom it does not show.
    pub outside: &'a Outside,
    /// These as the last walk left them.
    pub known_members: &'a [Entry],
    /// Every member of every group was read.
    pub members_complete: bool,
    names: OnceLock<Names>,
    keys: OnceLock<HashMap<&'a str, UserRef>>,
}

impl<'a> Extended<'a> {
    /// Both, with whether every member of every group was read.
    pub fn new(
        users: &'a UserListing,
        outside: &'a Outside,
        known_members: &'a [Entry],
        members_complete: bool,
    ) -> Self {
        let (names, keys) = (OnceLock::new(), OnceLock::new());
        Self { users, outside, known_members, members_complete, names, keys }
    }

    /// Everything was read: whom it does not show is not listed.
    pub fn is_complete(&self) -> bool {
        self.users.is_complete() && self.members_complete
    }

    /// Takes away from `hidden` those who are shown.
    pub fn hide_seen(&self, hidden: &mut HashSet<UserId>) {
        if hidden.is_empty() {
            return;
        }
        for id in self.outside.rows.iter().filter_map(|row| row.1.known_id()) {
            hidden.remove(&id);
        }
        self.users.roll.retain_unseen(hidden, &self.users.people.users);
    }

    /// Takes away from `hidden` those who are shown, or may be: rows that did not arrive prove nothing.
    pub fn hide_shown(&self, hidden: &mut HashSet<UserId>) {
        self.hide_seen(hidden);
        if !self.users.is_complete() {
            for user in &self.users.absent {
                hidden.remove(user);
            }
        }
        if !self.members_complete {
            for entry in self.known_members {
                hidden.remove(&entry.user_id());
            }
        }
    }

    /// Those of `asked` who are shown, or may be.
    pub fn shown(&self, asked: impl Iterator<Item = UserId>) -> HashSet<UserId> {
        let asked: HashSet<UserId> = asked.collect();
        let mut hidden = asked.clone();
        self.hide_shown(&mut hidden);
        asked.difference(&hidden).copied().collect()
    }

    /// Users whom the last walk saw, and who are not shown.
    pub fn absent(&self) -> HashSet<UserId> {
        let mut absent: HashSet<UserId> = HashSet::new();
        if self.users.is_complete() {
            absent.extend(&self.users.absent);
            absent.extend(self.known_members.iter().map(Entry::user_id));
        }
        self.hide_shown(&mut absent);
        absent
    }

    /// Users of whom something is new.
    pub fn news(&self) -> HashSet<UserId> {
        let fresh = self.users.people.users.iter().chain(&self.outside.people.users);
        fresh.filter_map(|user| user.known_id()).collect()
    }

    /// Who bears which name.
    pub fn names(&self) -> &Names {
        self.names.get_or_init(|| self.users.names(&self.outside.rows))
    }

    /// Every name stands for the user it stood for in the last walk.
    pub fn names_are_as_before(&self) -> bool {
        let known: HashSet<(UserId, u64)> =
            self.known_members.iter().map(|entry| (entry.user_id(), entry.name)).collect();
        let as_before = |(_, user, name): &Remember| user.known_id().is_some_and(|id| known.contains(&(id, *name)));
        self.users.names_are_as_before() && self.outside.rows.iter().all(as_before)
    }

    /// The user of this key, if it is shown and something about it is new.
    pub fn fresh(&self, key: &str) -> Option<UserRef> {
        let keys = self.keys.get_or_init(|| {
            let keys = self.outside.records.iter().map(|record| record.key.as_str());
            keys.zip(self.outside.people.users.iter().copied()).collect()
        });
        self.users.fresh(key).or_else(|| keys.get(key).copied())
    }

    /// The listings as they are to be remembered, those in `kept` with them; `None` where one is as it was.
    pub fn remember(&self, kept: &HashSet<UserId>) -> (Option<Vec<Remember>>, Option<Vec<Remember>>) {
        // Rows that did not arrive are kept, but not of users who arrived elsewhere: their rows would be taken for known
        // when they come back.
        let mut kept_users = kept.clone();
        if !self.users.is_complete() {
            kept_users.extend(&self.users.absent);
        }
        for id in self.outside.rows.iter().filter_map(|row| row.1.known_id()) {
            kept_users.remove(&id);
        }
        let mut kept_members = kept.clone();
        if !self.is_complete() {
            // Whom nobody called absent must not get lost from every listing.
            kept_members.extend(self.known_members.iter().map(Entry::user_id));
            self.users.roll.retain_unseen(&mut kept_members, &self.users.people.users);
        }
        let members = remember_unordered(self.known_members, self.outside.rows.clone(), &kept_members);
        (self.users.remember(&kept_users), members)
    }
}
