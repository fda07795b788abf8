//! What may happen at a site, by the dice: wilder than a day of [`Population::advance_day`].

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom;
use rollbook::model::Timestamp;
use rollbook::simulator::{LICENCE_GROUPS, Population, User};

/// Names that somebody bore and may be given to another.
pub struct Names {
    /// Whether one may get the name that was another's.
    pass_on: bool,
    freed: Vec<String>,
    made: usize,
}

impl Names {
    pub fn new(pass_on: bool) -> Self {
        Self { pass_on, freed: Vec::new(), made: 0 }
    }

    /// One that somebody bore.
    fn freed(&self, rng: &mut ChaCha12Rng) -> Option<String> {
        self.freed.choose(rng).filter(|_| self.pass_on).cloned()
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("person.{}", self.made)
    }
}

fn somebody(site: &Population, rng: &mut ChaCha12Rng, which: impl Fn(&User) -> bool) -> Option<String> {
    let keys: Vec<&String> =
        site.users.values().filter(|user| !user.serves() && which(user)).map(|user| &user.key).collect();
    keys.choose(rng).map(|key| (*key).clone())
}

fn some_group(site: &Population, rng: &mut ChaCha12Rng) -> Option<String> {
    let names: Vec<&String> = site.groups.keys().filter(|name| !LICENCE_GROUPS.contains(&name.as_str())).collect();
    names.choose(rng).map(|name| (*name).clone())
}

/// Whether somebody who exists bears the name.
fn is_borne(site: &Population, name: &str) -> bool {
    let name = name.to_lowercase();
    site.users.values().any(|user| user.exists() && user.name.to_lowercase() == name)
}

fn lose_access(site: &mut Population, key: &str) {
    LICENCE_GROUPS.iter().for_each(|group| site.leave(key, group));
}

fn rename(site: &mut Population, names: &mut Names, key: &str, name: String) {
    let user = site.users.get_mut(key).unwrap();
    names.freed.push(std::mem::replace(&mut user.name, name));
}

/// One thing happens.
pub fn happen(site: &mut Population, names: &mut Names, rng: &mut ChaCha12Rng, now: Timestamp) {
    let exists = |user: &User| user.exists();
    match rng.random_range(0..26) {
        0 | 1 => {
            let key = site.add(&names.fresh());
            if let Some(group) = some_group(site, rng) {
                site.join(&key, &group);
            }
        }
        2 | 3 => {
            let name = names.freed(rng);
            if let Some(name) = name.filter(|name| !is_borne(site, name)) {
                let key = site.add(&name);
                if rng.random_bool(0.3) {
                    lose_access(site, &key);
                    site.join(&key, "everyone");
                }
            }
        }
        4 | 5 => {
            if let Some(key) = somebody(site, rng, exists) {
                names.freed.push(site.users[&key].name.clone());
                site.delete(&key);
            }
        }
        6 | 7 => {
            if let Some(key) = somebody(site, rng, exists) {
                let user = site.users.get_mut(&key).unwrap();
                user.unsynced = true;
                names.freed.push(user.name.clone());
            }
        }
        8 => {
            let gone = |user: &User| user.unsynced && !user.deleted && !is_borne(site, &user.name);
            if let Some(key) = somebody(site, rng, gone) {
                site.users.get_mut(&key).unwrap().unsynced = false;
            }
        }
        9 | 10 => {
            if let Some(key) = somebody(site, rng, |user| user.exists() && user.enabled) {
                site.users.get_mut(&key).unwrap().enabled = false;
                if rng.random_bool(0.4) {
                    site.leave_all(&key);
                }
            }
        }
        11 => {
            if let Some(key) = somebody(site, rng, |user| user.exists() && !user.enabled) {
                site.users.get_mut(&key).unwrap().enabled = true;
            }
        }
        12 => {
            if let Some(key) = somebody(site, rng, exists) {
                lose_access(site, &key);
            }
        }
        13 => {
            if let Some(key) = somebody(site, rng, exists) {
                site.leave_all(&key);
            }
        }
        14 => {
            if let Some(key) = somebody(site, rng, exists) {
                site.join(&key, LICENCE_GROUPS[0]);
            }
        }
        15 | 16 => {
            if let (Some(key), Some(group)) = (somebody(site, rng, exists), some_group(site, rng)) {
                site.join(&key, &group);
            }
        }
        17 => {
            if let (Some(key), Some(group)) = (somebody(site, rng, exists), some_group(site, rng)) {
                site.leave(&key, &group);
            }
        }
        18 => {
            let name = format!("group {}", rng.random_range(0..8));
            for _ in 0..rng.random_range(1..12) {
                if let Some(key) = somebody(site, rng, exists) {
                    site.join(&key, &name);
                }
            }
        }
        19 => {
            if let Some(group) = some_group(site, rng) {
                site.groups.remove(&group);
            }
        }
        20 => {
            if let Some(key) = somebody(site, rng, exists) {
                let name = names.fresh();
                rename(site, names, &key, name);
            }
        }
        21 => {
            // Two swap their names, or one takes a name that was another's.
            let pair = (somebody(site, rng, exists), somebody(site, rng, exists));
            if let ((Some(one), Some(other)), true) = (pair, names.pass_on) {
                let name = site.users[&one].name.clone();
                site.users.get_mut(&one).unwrap().name = site.users[&other].name.clone();
                site.users.get_mut(&other).unwrap().name = name;
            }
        }
        22 => {
            let name = names.freed(rng).filter(|name| !is_borne(site, name));
            if let (Some(key), Some(name)) = (somebody(site, rng, exists), name) {
                rename(site, names, &key, name);
            }
        }
        23 => {
            if let Some(key) = somebody(site, rng, exists) {
                let user = site.users.get_mut(&key).unwrap();
                user.name = if rng.random_bool(0.5) { user.name.to_uppercase() } else { user.name.to_lowercase() };
            }
        }
        24 => {
            // Only of those whose details some listing tells.
            if let Some(key) = somebody(site, rng, |user| site.is_listed(user)) {
                let user = site.users.get_mut(&key).unwrap();
                user.full_name = format!("Full {}", rng.random_range(0..100));
                user.email = if rng.random_bool(0.2) { String::new() } else { names.fresh() + "@example.com" };
                user.department = format!("Department {}", rng.random_range(0..5));
                user.updated_at = user.updated_at.max(now);
            }
        }
        _ => {
            if let Some(key) = somebody(site, rng, |user| site.has_access(user)) {
                let user = site.users.get_mut(&key).unwrap();
                user.last_login_at = user.last_login_at.max(Some(now.plus_millis(-rng.random_range(1..50_000))));
            }
        }
    }
}

/// So many at once that the guard steps in.
pub fn happen_to_many(site: &mut Population, names: &mut Names, rng: &mut ChaCha12Rng) {
    let mut keys: Vec<String> =
        site.licensed().into_iter().filter(|user| !user.serves()).map(|user| user.key.clone()).collect();
    keys.truncate(keys.len() / 3);
    match rng.random_range(0..5) {
        0 => keys.iter().for_each(|key| lose_access(site, key)),
        1 => keys.iter().for_each(|key| site.users.get_mut(key).unwrap().enabled = false),
        2 => keys.iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = true),
        3 => keys.iter().for_each(|key| site.users.get_mut(key).unwrap().email.clear()),
        _ => {
            let keys: Vec<String> = keys.into_iter().take(12).collect();
            for key in keys {
                names.freed.push(site.users[&key].name.clone());
                site.delete(&key);
            }
        }
    }
}

/// Of two who came to bear one name, as when one came back from its directory, the second gets another.
pub fn name_apart(site: &mut Population, names: &mut Names) {
    let mut borne = BTreeSet::new();
    for user in site.users.values_mut().filter(|user| user.exists()) {
        if !borne.insert(user.name.to_lowercase()) {
            user.name = names.fresh();
        }
    }
}

/// User Export knows people by their names alone: one whom it alone shows, under a name that was another's, cannot be told
/// from that other. Lets a group show them.
pub fn tell_apart(site: &mut Population, was_anothers: impl Fn(&str, &str) -> bool) {
    let hidden = |user: &&User| user.exists() && !site.is_listed(user) && was_anothers(&user.name, &user.key);
    let keys: Vec<String> = site.users.values().filter(hidden).map(|user| user.key.clone()).collect();
    keys.iter().for_each(|key| site.join(key, "everyone"));
}
