//! What each walk over a simulated site could see, kept with the walk's moment and number.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::{Status, Timestamp};
use rollbook::simulator::{CloudTruth, Population, Truth, User, account_id};

/// One account as a walk saw it, with what earlier walks had told of it. Blank text is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub status: &'static str,
    pub name: String,
    pub full_name: String,
    pub email: String,
    /// The other texts of the profile, by the column of `users`.
    pub profile: BTreeMap<&'static str, String>,
    pub active: Option<bool>,
    pub has_access: Option<bool>,
    pub is_external: Option<bool>,
    pub email_hidden: bool,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    pub last_failed_login_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
    /// The walk since which the site, or the organization, tells without a break when the user was there last, or that
    /// it never was.
    pub told_since: Option<Timestamp>,
}

impl Seen {
    /// One text of the profile.
    pub fn text(&self, column: &str) -> &str {
        self.profile.get(column).map_or("", String::as_str)
    }

    /// Neither Cloud's apps nor the customers of its portals hold a seat.
    pub fn may_hold_a_seat(&self) -> bool {
        !["app", "customer"].contains(&self.text("account_type"))
    }

    pub fn is_seat(&self) -> bool {
        self.status == "active" && self.may_hold_a_seat()
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub external_id: Option<String>,
    pub members: BTreeSet<String>,
}

/// What one walk saw.
#[derive(Debug)]
pub struct Picture {
    pub walk: i64,
    /// When it looked.
    pub looked_at: Timestamp,
    /// By what moment it is dated: the same, or that of the approval.
    pub at: Timestamp,
    /// By the key at the site.
    pub users: BTreeMap<String, Seen>,
    /// By what a group is told by: its id on Cloud, else its name.
    pub groups: BTreeMap<String, Group>,
}

/// What all walks over one site saw, oldest first.
#[derive(Debug)]
pub struct Record {
    pub site: &'static str,
    pub cloud: bool,
    pub pictures: Vec<Picture>,
}

impl Record {
    pub fn new(site: &'static str, cloud: bool) -> Self {
        Self { site, cloud, pictures: Vec::new() }
    }

    /// Keeps what `walk` saw of the site, which has not changed since.
    pub fn keep(&mut self, walk: i64, looked_at: Timestamp, at: Timestamp, site: &Population) {
        let (mut users, groups) = match self.cloud {
            true => of_cloud(site.cloud_truth(true), site),
            false => of_data_center(site.truth_with_export()),
        };
        let before = self.pictures.last();
        for (key, seen) in &mut users {
            let known = before.and_then(|picture| picture.users.get(key));
            // The site tells nothing more of those who are gone: what was known of them stays.
            if let Some(known) = known.filter(|_| ["missing", "deleted"].contains(&seen.status)) {
                let (status, has_access) = (seen.status, seen.has_access);
                let word = if status == "deleted" { seen.profile.remove("account_status") } else { None };
                let closed = (status == "deleted" && self.cloud).then_some(false);
                *seen = Seen { status, has_access, active: closed, ..known.clone() };
                if let Some(word) = word {
                    seen.profile.insert("account_status", word);
                }
                continue;
            }
            // User Export alone shows those in no group: it tells neither their profile nor, where it was told exactly, when
            // they were there.
            if let Some(known) = known.filter(|_| !self.cloud && !site.is_listed(&site.users[key])) {
                let Seen { status, active, has_access, .. } = *seen;
                let [name, full_name, email] = [&seen.name, &seen.full_name, &seen.email].map(String::clone);
                let mut profile = known.profile.clone();
                for column in ["directory", "language"] {
                    profile.insert(column, seen.text(column).to_owned());
                }
                *seen = Seen { status, active, has_access, name, full_name, email, profile, ..known.clone() };
            }
            let is_told = !self.cloud || is_told(site, key);
            seen.told_since = is_told.then(|| known.and_then(|known| known.told_since).unwrap_or(at));
        }
        self.pictures.push(Picture { walk, looked_at, at, users, groups });
    }
}

/// Whether the organization says when this account last used Confluence here: it lists the products that an account has
/// access to, or has used.
fn is_told(site: &Population, id: &str) -> bool {
    let told = |user: &User| site.has_access(user) || user.last_login_at.is_some();
    site.users.values().find(|user| account_id(&user.key) == *id).is_some_and(told)
}

type Users = BTreeMap<String, Seen>;
type Groups = BTreeMap<String, Group>;

fn of_data_center(truth: Truth) -> (Users, Groups) {
    let users = truth.users.into_iter().map(|(key, user)| {
        let export = user.export.expect("User Export is read");
        let is_there = !matches!(user.status, Status::Missing | Status::Deleted);
        let seen = Seen {
            status: user.status.as_str(),
            name: user.name,
            full_name: user.full_name,
            email: user.email,
            profile: BTreeMap::from([
                ("directory", export.directory),
                ("department", user.department),
                ("position", user.position),
                ("location", user.location),
                ("phone", user.phone),
                ("im", user.im),
                ("website", user.website),
                ("language", export.language),
            ]),
            active: is_there.then_some(export.active),
            has_access: (user.status != Status::Missing).then_some(user.has_access),
            created_at: Some(user.created_at),
            updated_at: Some(user.updated_at),
            last_login_at: user.last_login_at,
            last_failed_login_at: user.last_failed_login_at,
            ..Seen::default()
        };
        (key, seen)
    });
    let groups = truth.groups.into_iter().map(|(name, group)| {
        // Of a name that cannot stand in a path the members are not told.
        let members = if group.readable { group.members } else { BTreeSet::new() };
        (name.clone(), Group { name, external_id: None, members })
    });
    (users.collect(), groups.collect())
}

fn of_cloud(truth: CloudTruth, site: &Population) -> (Users, Groups) {
    let born: BTreeMap<String, Timestamp> =
        site.users.values().map(|user| (account_id(&user.key), user.created_at)).collect();
    let users = truth.users.into_iter().map(|(id, user)| {
        let seen = Seen {
            status: user.status.as_str(),
            name: user.name,
            full_name: user.full_name,
            email: user.email,
            profile: BTreeMap::from([
                ("account_type", user.account_type),
                ("time_zone", user.time_zone.unwrap_or_default()),
                ("account_status", user.account_status.unwrap_or_default()),
            ]),
            active: match user.status {
                Status::Active => Some(true),
                Status::Deactivated | Status::Deleted => Some(false),
                _ => None,
            },
            // Cloud does not say who may use Confluence.
            has_access: (user.status == Status::Deleted).then_some(false),
            is_external: Some(user.is_external),
            email_hidden: user.email_hidden,
            created_at: born.get(&id).copied(),
            last_active_at: user.last_active_at,
            ..Seen::default()
        };
        (id, seen)
    });
    let groups = truth
        .groups
        .into_iter()
        .map(|(id, group)| (id.clone(), Group { name: group.name, external_id: Some(id), members: group.members }));
    (users.collect(), groups.collect())
}
