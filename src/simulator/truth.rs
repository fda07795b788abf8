//! What a mirror of the site should know, as plain data to compare with.

use std::collections::{BTreeMap, BTreeSet};

use super::population::{Population, User, is_addressable};
use crate::model::{Status, Timestamp};

/// What walks, one at each look, can prove of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// By key: every account that some walk could see.
    pub users: BTreeMap<String, UserTruth>,
    /// By name: the groups there are now.
    pub groups: BTreeMap<String, GroupTruth>,
}

/// One account. Blank text is blank in Confluence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `users`
pub struct UserTruth {
    pub status: Status,
    /// What the site would say; false for the missing and the deleted.
    pub has_access: bool,
    pub name: String,
    pub full_name: String,
    pub email: String,
    pub department: String,
    pub position: String,
    pub location: String,
    pub phone: String,
    pub im: String,
    pub website: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
    pub last_failed_login_at: Option<Timestamp>,
    /// What only User Export tells; for the deleted what it told last. `None` where it is not read.
    pub export: Option<ExportTruth>,
}

/// What User Export alone tells of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `users`
pub struct ExportTruth {
    pub active: bool,
    pub directory: String,
    pub language: String,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTruth {
    /// The keys of its members that a listing shows.
    pub members: BTreeSet<String>,
    /// False when its name cannot stand in a path: listed, but Extender does not tell its members. User Export does.
    pub readable: bool,
}

impl Population {
    /// Remembers what a walk at this moment could see. [`Population::generate`] and the end of
    /// [`Population::advance_days`] do it; a test that mutates the site and walks again calls it too.
    pub fn look(&mut self) {
        let listed: BTreeSet<String> =
            self.users.values().filter(|user| self.is_listed(user)).map(|user| user.key.clone()).collect();
        for user in self.users.values() {
            // One that is listed no more can still be looked up under the name it was last seen with.
            let found = user.exists()
                && self.shown.get(&user.key).is_some_and(|seen| seen.name.to_lowercase() == user.name.to_lowercase());
            if listed.contains(&user.key) || found {
                self.shown.insert(user.key.clone(), user.clone());
            }
            // User Export lists every account there is.
            if user.exists() {
                self.exported.insert(user.key.clone(), user.clone());
            }
        }
        let borne: BTreeSet<String> =
            self.users.values().filter(|user| user.exists()).map(|user| user.name.to_lowercase()).collect();
        for seen in self.exported.values() {
            if self.users.get(&seen.key).is_some_and(User::exists) {
                self.let_go.remove(&seen.key);
            } else if !borne.contains(&seen.name.to_lowercase()) {
                self.let_go.insert(seen.key.clone());
            }
        }
        self.look_at_cloud();
    }

    /// The truth as of the last look, to walks over Extender alone.
    pub fn truth(&self) -> Truth {
        let users = self.shown.values().filter_map(|seen| {
            let now = self.users.get(&seen.key)?;
            let status = if now.deleted {
                Status::Deleted
            } else if self.has_access(now) {
                Status::Active
            } else if self.is_listed(now) || (now.exists() && now.name.to_lowercase() == seen.name.to_lowercase()) {
                Status::NoAccess
            } else {
                Status::Missing
            };
            let told = if status == Status::Missing { seen } else { now };
            Some((seen.key.clone(), UserTruth::of(told, status)))
        });
        Truth { users: users.collect(), groups: self.group_truth() }
    }

    /// The truth as of the last look, to walks that read User Export's whole list, too.
    ///
    /// It knows every account that ever was there at a look, also those in no group; the disabled ones are
    /// `deactivated`; and who is gone from it, and whose name nobody had at a look since, is `deleted`, whether Confluence
    /// deleted the account or its directory let go of it, and whoever gets the name later. The keys of accounts in no group are learnt from look-ups:
    /// as many as it takes.
    pub fn truth_with_export(&self) -> Truth {
        let users = self.exported.values().filter_map(|seen| {
            let now = self.users.get(&seen.key)?;
            let status = if self.has_access(now) {
                Status::Active
            } else if now.exists() && !now.enabled {
                Status::Deactivated
            } else if now.exists() {
                Status::NoAccess
            } else if now.deleted || self.let_go.contains(&seen.key) {
                Status::Deleted
            } else {
                Status::Missing
            };
            // The alias is all that is left of a deleted account; of an unsynced one, what was seen last.
            let told = if now.exists() || now.deleted { now } else { seen };
            let export = if now.exists() { now } else { seen };
            let export = ExportTruth {
                active: export.enabled,
                directory: export.directory.clone(),
                language: export.language.clone(),
            };
            Some((seen.key.clone(), UserTruth { export: Some(export), ..UserTruth::of(told, status) }))
        });
        Truth { users: users.collect(), groups: self.group_truth() }
    }

    fn group_truth(&self) -> BTreeMap<String, GroupTruth> {
        let groups = self.groups.iter().map(|(name, keys)| {
            let shown = |key: &&String| self.users.get(*key).is_some_and(User::exists);
            let members = keys.iter().filter(shown).cloned().collect();
            (name.clone(), GroupTruth { members, readable: is_addressable(name) })
        });
        groups.collect()
    }
}

impl UserTruth {
    fn of(user: &User, status: Status) -> Self {
        let user = user.clone();
        Self {
            status,
            has_access: status == Status::Active,
            name: user.name,
            full_name: user.full_name,
            email: user.email,
            department: user.department,
            position: user.position,
            location: user.location,
            phone: user.phone,
            im: user.im,
            website: user.website,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login_at: user.last_login_at,
            last_failed_login_at: user.last_failed_login_at,
            export: None,
        }
    }
}
