//! The simulated site: its users, its groups, and the day it is there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, TimeZone};
use chrono_tz::Tz;
use rand::rngs::ChaCha12Rng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use super::cloud::{CloudTraits, Sight};
use super::evolve::Event;
use super::names::{DEPARTMENTS, DIRECTORIES, PROJECTS, SERVICES};
use crate::model::Timestamp;

/// Membership in one of these lets an account use Confluence.
pub const LICENCE_GROUPS: [&str; 2] = ["confluence-users", "confluence-administrators"];

/// One account. Blank text is "blank in Confluence", which is never null.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the words of Confluence's own profile
pub struct User {
    /// 32 hex digits; never changes, never given twice.
    pub key: String,
    pub name: String,
    pub full_name: String,
    pub email: String,
    pub directory: String,
    pub department: String,
    pub position: String,
    pub location: String,
    pub phone: String,
    pub im: String,
    pub website: String,
    pub language: String,
    /// Not deactivated.
    pub enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
    pub last_failed_login_at: Option<Timestamp>,
    /// Anonymised: only the alias is left, and only a look-up by key finds it.
    pub deleted: bool,
    /// Gone from its directory: no listing shows it, and a look-up by name answers 404.
    pub unsynced: bool,
    /// The chance that this person logs in on a working day.
    pub habit: f64,
}

impl User {
    /// Whether this is one of the accounts the site and its scripts run on, rather than a person.
    pub fn serves(&self) -> bool {
        self.name == "audit" || self.name == "admin" || self.name.starts_with("svc-")
    }

    /// Whether an answer of the site may show this account at all.
    pub fn exists(&self) -> bool {
        !self.deleted && !self.unsynced
    }
}

/// The state of a site on one day. The fields are open, so that a test may bring about anything.
#[derive(Debug)]
pub struct Population {
    /// Every account there ever was, by key.
    pub users: BTreeMap<String, User>,
    /// The keys of the members of each group, by group name. An unsynced account keeps its memberships; no listing
    /// shows them.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// The simulated day.
    pub today: NaiveDate,
    /// The server's time zone: working hours, and how it spells times.
    pub zone: Tz,
    /// How often each kind of event has happened since the site was made.
    pub story: BTreeMap<Event, usize>,
    /// By key: what only Cloud tells of an account, where it is not what follows from the key. To change one trait use
    /// [`Population::traits_mut`].
    pub cloud: BTreeMap<String, CloudTraits>,
    /// Account ids that Cloud's `users-bulk` does not take: 400 for every request that has one.
    pub refused_ids: BTreeSet<String>,
    /// The ids of groups on Cloud, by name, where they do not follow from that name.
    pub(super) group_ids: BTreeMap<String, String>,
    /// How many groups were renamed.
    pub(super) renames: usize,
    /// Addresses that get access to the Cloud site on the next day.
    pub(super) invited: BTreeSet<String>,
    /// What walks over Cloud have seen, on a Cloud site.
    pub(super) sight: Option<Sight>,
    pub(super) rng: ChaCha12Rng,
    /// Every account as the last walk that could see it saw it.
    pub(super) shown: BTreeMap<String, User>,
    /// Every account as User Export last listed it.
    pub(super) exported: BTreeMap<String, User>,
    /// Accounts that User Export did not list at some look, at which nobody had their name: proven gone until they are
    /// back.
    pub(super) let_go: BTreeSet<String>,
    /// Names freed by deletions, for re-use.
    pub(super) freed_names: Vec<String>,
    /// How many people were ever made up.
    pub(super) invented: usize,
    pub(super) next_wave: NaiveDate,
    /// The host of newcomers' mailboxes.
    pub(super) mail_host: &'static str,
    /// Addresses of those who came from another site.
    pub(super) moved: BTreeSet<String>,
}

impl Population {
    /// A site of about `users` accounts on the day `today`; the same arguments give the same site.
    ///
    /// Meant for up to some ten thousand; beyond that the static site of [`super::Simulator::start_bulk`] serves.
    pub fn generate(users: usize, seed: u64, today: NaiveDate, zone: Tz) -> Self {
        let mut site = Self {
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            today,
            zone,
            story: BTreeMap::new(),
            cloud: BTreeMap::new(),
            refused_ids: BTreeSet::new(),
            group_ids: BTreeMap::new(),
            renames: 0,
            invited: BTreeSet::new(),
            sight: None,
            rng: ChaCha12Rng::seed_from_u64(seed),
            shown: BTreeMap::new(),
            exported: BTreeMap::new(),
            let_go: BTreeSet::new(),
            freed_names: Vec::new(),
            invented: 0,
            next_wave: today,
            mail_host: "example.com",
            moved: BTreeSet::new(),
        };
        let first_wave = site.rng.random_range(60..120);
        site.next_wave = today + Days::new(first_wave);
        site.found_groups(users);
        site.open_service_accounts(users);
        while site.users.len() < users {
            site.settle_person();
        }
        site.look();
        site
    }

    fn found_groups(&mut self, users: usize) {
        let projects = (users / 20).clamp(3, PROJECTS.len());
        let fixed = ["everyone", "équipe réseau 東京", "empty archive", "ops/on-call", "one-person-band"];
        let names = LICENCE_GROUPS
            .into_iter()
            .chain(DEPARTMENTS.iter().map(|department| department.0))
            .chain(fixed)
            .map(str::to_owned)
            .chain(PROJECTS[..projects].iter().map(|project| format!("proj-{project}")));
        self.groups = names.map(|name| (name, BTreeSet::new())).collect();
    }

    fn open_service_accounts(&mut self, users: usize) {
        let count = (users / 25).clamp(2, SERVICES.len());
        let names = ["audit", "admin"].map(str::to_owned).into_iter();
        for name in names.chain(SERVICES[..count].iter().map(|service| format!("svc-{service}"))) {
            let mut account = self.settled(true);
            account.full_name = name.clone();
            account.email = format!("{name}@example.com");
            account.directory = DIRECTORIES[2].to_owned();
            for blank in [&mut account.department, &mut account.position, &mut account.location, &mut account.phone] {
                blank.clear();
            }
            if name == "audit" || name == "admin" {
                self.join(&account.key, "confluence-administrators");
            }
            self.join(&account.key, "confluence-users");
            account.name = name;
            self.users.insert(account.key.clone(), account);
        }
    }

    /// Somebody who has been at the site for some time when the story begins.
    fn settle_person(&mut self) {
        let nth = self.invented;
        let mut user = self.settled(false);
        // Some people share a mailbox; the report on duplicates needs them.
        if nth % 83 == 40
            && let Some(other) = self.users.values().next_back()
        {
            user.email = other.email.clone();
        }
        self.enrol(&user);
        if self.groups["one-person-band"].is_empty() {
            self.join(&user.key, "one-person-band");
        }
        match nth % 29 {
            // Left before the story begins: disabled but still in the groups, or out of all of them.
            7 => user.enabled = false,
            15 => {
                user.enabled = false;
                self.leave_all(&user.key);
            }
            // In a directory nobody can disable accounts in: the licence was taken away instead.
            23 => {
                for group in LICENCE_GROUPS {
                    self.leave(&user.key, group);
                }
            }
            _ => {}
        }
        self.users.insert(user.key.clone(), user);
    }

    fn settled(&mut self, daily: bool) -> User {
        let age = self.rng.random_range(30..3000);
        let created = self.moment(self.today - Days::new(age));
        let nth = self.invented;
        self.invented += 1;
        let mut user = self.invent(nth, created);
        if daily {
            user.habit = if self.rng.random_bool(0.5) { 0.95 } else { 0.0 };
        }
        let edited = self.rng.random_range(0..age);
        user.updated_at = self.moment(self.today - Days::new(edited)).max(created);
        // Goes back day by day until the habit strikes: how long ago the last log-in was.
        let login = (1..age.min(500)).find(|_| user.habit > 0.0 && self.rng.random_bool(user.habit * 0.7));
        user.last_login_at = login.map(|days| self.moment(self.today - Days::new(days)).max(created));
        if self.rng.random_bool(0.1) {
            let days = self.rng.random_range(1..age);
            user.last_failed_login_at = Some(self.moment(self.today - Days::new(days)).max(created));
        }
        user
    }

    /// Puts a newcomer into the groups a newcomer gets.
    pub(super) fn enrol(&mut self, user: &User) {
        self.join(&user.key, "confluence-users");
        self.join(&user.key, "everyone");
        let department = DEPARTMENTS.iter().find(|department| department.1 == user.department);
        if let Some((group, ..)) = department {
            self.join(&user.key, group);
        }
        for _ in 0..self.rng.random_range(0..4) {
            if let Some(project) = self.some_project() {
                self.join(&user.key, &project);
            }
        }
        for (group, chance) in
            [("équipe réseau 東京", 0.06), ("ops/on-call", 0.04), ("confluence-administrators", 0.015)]
        {
            if self.rng.random_bool(chance) {
                self.join(&user.key, group);
            }
        }
    }

    pub(super) fn some_project(&mut self) -> Option<String> {
        self.groups.keys().filter(|name| name.starts_with("proj-")).choose(&mut self.rng).cloned()
    }

    /// Some instant in the working hours of a day.
    pub(super) fn moment(&mut self, day: NaiveDate) -> Timestamp {
        let second = self.rng.random_range(7 * 3600..19 * 3600);
        let millis = self.rng.random_range(0..1000);
        instant(self.zone, day, second).plus_millis(millis)
    }

    /// The last second of the simulated day: later than everything that happened.
    pub fn end_of_day(&self) -> Timestamp {
        instant(self.zone, self.today, 24 * 3600 - 1)
    }

    /// The account that has this name now, whatever the case, rather than one that was unsynced under it; a deleted one
    /// has its key as its name.
    pub fn find(&self, name: &str) -> Option<&User> {
        let lower = name.to_lowercase();
        let ascii = name.is_ascii();
        // Nearly every name is ASCII, and making up a site asks for all of them again and again.
        let mut bearers = self.users.values().filter(|user| match ascii && user.name.is_ascii() {
            true => user.name.eq_ignore_ascii_case(name),
            false => user.name.to_lowercase() == lower,
        });
        let first = bearers.next()?;
        if first.unsynced { bearers.find(|user| !user.unsynced).or(Some(first)) } else { Some(first) }
    }

    /// Whether this account may use Confluence: it exists, is enabled, and is in a licence group.
    pub fn has_access(&self, user: &User) -> bool {
        user.enabled
            && user.exists()
            && LICENCE_GROUPS.iter().any(|group| self.groups.get(*group).is_some_and(|keys| keys.contains(&user.key)))
    }

    /// Whether some listing shows this account: the user list, or the members of a group that can be read.
    pub fn is_listed(&self, user: &User) -> bool {
        user.exists()
            && (self.has_access(user)
                || self.groups.iter().any(|(name, keys)| is_addressable(name) && keys.contains(&user.key)))
    }

    /// Who may use Confluence, in the order of the user list.
    pub fn licensed(&self) -> Vec<&User> {
        let mut users: Vec<_> = self.users.values().filter(|user| self.has_access(user)).collect();
        users.sort_by_cached_key(|user| user.name.to_lowercase());
        users
    }

    /// The members a listing shows, in its order; `None` when there is no such group.
    pub fn members(&self, group: &str) -> Option<Vec<&User>> {
        let keys = self.groups.get(group)?;
        let mut users: Vec<_> =
            keys.iter().filter_map(|key| self.users.get(key)).filter(|user| user.exists()).collect();
        users.sort_by_cached_key(|user| user.name.to_lowercase());
        Some(users)
    }

    /// Makes an account a member; a group that does not exist is made.
    pub fn join(&mut self, key: &str, group: &str) {
        self.groups.entry(group.to_owned()).or_default().insert(key.to_owned());
    }

    /// Takes a membership away, if there is one.
    pub fn leave(&mut self, key: &str, group: &str) {
        if let Some(keys) = self.groups.get_mut(group) {
            keys.remove(key);
        }
    }

    /// Takes every membership of an account away.
    pub fn leave_all(&mut self, key: &str) {
        for keys in self.groups.values_mut() {
            keys.remove(key);
        }
    }

    /// Adds an account with access, named `name`; answers its key.
    pub fn add(&mut self, name: &str) -> String {
        let created = self.moment(self.today);
        let nth = self.invented;
        self.invented += 1;
        let mut user = self.invent(nth, created);
        user.name = name.to_owned();
        let key = user.key.clone();
        self.join(&key, "confluence-users");
        self.users.insert(key.clone(), user);
        key
    }

    /// Deletes an account as Confluence does: what is left is an alias that its key gives away.
    pub fn delete(&mut self, key: &str) {
        self.leave_all(key);
        if let Some(user) = self.users.get_mut(key) {
            self.freed_names.push(std::mem::replace(&mut user.name, key.to_owned()));
            user.full_name = deleted_alias(key);
            user.deleted = true;
            user.enabled = false;
            let User { email, department, position, location, phone, im, website, .. } = user;
            for blank in [email, department, position, location, phone, im, website] {
                blank.clear();
            }
        }
    }
}

/// The display name of a deleted account: `user-` and five hex digits of the SHA-256 of its key.
pub fn deleted_alias(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    format!("user-{:02x}{:02x}{:x}", digest[0], digest[1], digest[2] >> 4)
}

/// Whether a name can stand in a path: Tomcat refuses an encoded slash.
pub fn is_addressable(name: &str) -> bool {
    !name.contains(['/', '\\'])
}

fn instant(zone: Tz, day: NaiveDate, second: u32) -> Timestamp {
    let local = day.and_hms_opt(0, 0, 0).expect("midnight is a time") + chrono::TimeDelta::seconds(i64::from(second));
    // An hour that daylight saving skips, or has twice, is good enough as UTC.
    let utc = zone.from_local_datetime(&local).earliest().map_or(local.and_utc(), |time| time.to_utc());
    Timestamp::from_millis_clamped(utc.timestamp_millis())
}
