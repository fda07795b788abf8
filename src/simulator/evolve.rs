//! What a day brings: people join, leave, return, marry, move and log in.
//!
//! Rates are per account and year, so that a site of any size has the same story; they are tuned for some 400 accounts
//! over a year.

use chrono::{Datelike, Days, Weekday};
use rand::RngExt;
use rand::seq::{IndexedRandom, IteratorRandom};

use super::names::DEPARTMENTS;
use super::population::{LICENCE_GROUPS, Population, User};

/// A kind of event. [`Population::story`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each name says it
pub enum Event {
    Joined,
    /// A newcomer got the name of a deleted account, under a new key.
    NameReused,
    DisabledInGroups,
    DisabledOutOfGroups,
    Deleted,
    Unsynced,
    /// Only the licence groups were taken away.
    LicenceTaken,
    /// A disabled account was enabled again.
    Reenabled,
    /// An unsynced account came back from its directory.
    Resynced,
    Renamed,
    /// A new family name and e-mail; the log-in name stays.
    Married,
    DepartmentMoved,
    PhoneChanged,
    LoggedIn,
    LoginFailed,
    ProjectJoined,
    ProjectLeft,
    GroupCreated,
    GroupRemoved,
    /// Many idle accounts were disabled on one day.
    Wave,
}

impl Event {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Joined,
        Self::NameReused,
        Self::DisabledInGroups,
        Self::DisabledOutOfGroups,
        Self::Deleted,
        Self::Unsynced,
        Self::LicenceTaken,
        Self::Reenabled,
        Self::Resynced,
        Self::Renamed,
        Self::Married,
        Self::DepartmentMoved,
        Self::PhoneChanged,
        Self::LoggedIn,
        Self::LoginFailed,
        Self::ProjectJoined,
        Self::ProjectLeft,
        Self::GroupCreated,
        Self::GroupRemoved,
        Self::Wave,
    ];
}

const WORKING_DAYS: f64 = 260.0;

impl Population {
    /// One day passes, and a walk could look at its end.
    pub fn advance_day(&mut self) {
        self.advance_days(1);
    }

    /// Days pass without a walk between them; a walk could look at the end of the last one.
    ///
    /// It matters to [`Population::truth`]: who came and went between two walks was never seen.
    pub fn advance_days(&mut self, days: u32) {
        for _ in 0..days {
            self.live_a_day();
        }
        self.look();
    }

    fn live_a_day(&mut self) {
        self.today = self.today + Days::new(1);
        self.welcome();
        let weekend = matches!(self.today.weekday(), Weekday::Sat | Weekday::Sun);
        if !weekend {
            // Leavers first: an account that vanishes has not been edited on the same day.
            self.some_leave();
            if self.today >= self.next_wave {
                self.clean_up();
                let pause = self.rng.random_range(150..240);
                self.next_wave = self.today + Days::new(pause);
            }
            self.some_return();
            self.some_join();
            self.some_change();
            self.groups_change();
        }
        self.everybody_logs_in(weekend);
    }

    /// How often something happens today that happens `a_year` times to each account in a year.
    fn times(&mut self, a_year: f64) -> usize {
        let expected = self.users.len() as f64 * a_year / WORKING_DAYS;
        expected as usize + usize::from(self.rng.random_bool(expected.fract()))
    }

    fn happened(&mut self, event: Event) {
        *self.story.entry(event).or_default() += 1;
    }

    /// Somebody of whom `which` is true, never a service account.
    fn somebody(&mut self, which: impl Fn(&Self, &User) -> bool) -> Option<String> {
        let candidates: Vec<_> = self
            .users
            .values()
            .filter(|user| !user.serves() && which(self, user))
            .map(|user| user.key.clone())
            .collect();
        candidates.choose(&mut self.rng).cloned()
    }

    /// Edits an account and dates the edit.
    fn edit(&mut self, key: &str, edit: impl FnOnce(&mut User)) {
        let now = self.moment(self.today);
        if let Some(user) = self.users.get_mut(key) {
            edit(user);
            user.updated_at = now.max(user.updated_at);
        }
    }

    fn some_leave(&mut self) {
        for _ in 0..self.times(0.14) {
            let Some(key) = self.somebody(|site, user| site.has_access(user)) else { return };
            let event = match self.rng.random_range(0..100) {
                0..36 => Event::DisabledInGroups,
                36..55 => Event::DisabledOutOfGroups,
                55..68 => Event::Deleted,
                68..84 => Event::Unsynced,
                _ => Event::LicenceTaken,
            };
            match event {
                Event::DisabledInGroups => self.edit(&key, |user| user.enabled = false),
                Event::DisabledOutOfGroups => {
                    self.edit(&key, |user| user.enabled = false);
                    self.leave_all(&key);
                }
                Event::Deleted => {
                    self.delete(&key);
                    self.edit(&key, |_| {});
                }
                // Its directory let go of it; Confluence itself edits nothing.
                Event::Unsynced => self.users.get_mut(&key).expect("somebody exists").unsynced = true,
                _ => LICENCE_GROUPS.iter().for_each(|group| self.leave(&key, group)),
            }
            self.happened(event);
        }
    }

    /// A deactivation wave: those idle longest are disabled together. They stay in their groups, as administrators
    /// usually leave it.
    fn clean_up(&mut self) {
        let mut idle: Vec<_> = self
            .licensed()
            .into_iter()
            .filter(|user| !user.serves())
            .map(|user| (user.last_login_at.unwrap_or(user.created_at), user.key.clone()))
            .collect();
        idle.sort();
        idle.truncate((idle.len() * 6 / 100).max(1));
        for (_, key) in idle {
            self.edit(&key, |user| user.enabled = false);
        }
        self.happened(Event::Wave);
    }

    fn some_return(&mut self) {
        for _ in 0..self.times(0.015) {
            let Some(key) = self.somebody(|_, user| !user.enabled && user.exists()) else { break };
            self.edit(&key, |user| user.enabled = true);
            self.join(&key, "confluence-users");
            self.happened(Event::Reenabled);
        }
        for _ in 0..self.times(0.01) {
            let today = self.end_of_day();
            let Some(key) = self.somebody(|_, user| user.unsynced && user.updated_at < today) else { break };
            self.users.get_mut(&key).expect("somebody exists").unsynced = false;
            self.happened(Event::Resynced);
        }
    }

    fn some_join(&mut self) {
        for _ in 0..self.times(0.17) {
            let created = self.moment(self.today);
            let nth = self.invented;
            self.invented += 1;
            let mut user = self.invent(nth, created);
            if !self.freed_names.is_empty() && self.rng.random_bool(0.15) {
                let pick = self.rng.random_range(0..self.freed_names.len());
                let name = self.freed_names.swap_remove(pick);
                if self.find(&name).is_none() {
                    user.name = name;
                    self.happened(Event::NameReused);
                }
            }
            self.enrol(&user);
            self.users.insert(user.key.clone(), user);
            self.happened(Event::Joined);
        }
    }

    fn some_change(&mut self) {
        for _ in 0..self.times(0.02) {
            // Only of accounts a listing shows: nothing could tell a rename out of sight from a deletion.
            let Some(key) = self.somebody(Self::is_listed) else { break };
            let family = self.somebody(|_, user| user.exists() && user.name.contains('.'));
            let family = family.map_or("neumann".to_owned(), |key| part(&self.users[&key].name, false));
            let given = part(&self.users[&key].name, true);
            let name = self.free_name(&format!("{given}.{family}"));
            self.edit(&key, |user| user.name = name);
            self.happened(Event::Renamed);
        }
        for _ in 0..self.times(0.015) {
            let spaced = |user: &User| user.full_name.split(' ').count() == 2;
            let Some(key) = self.somebody(|site, user| site.has_access(user) && spaced(user)) else { break };
            let Some(spouse) = self.somebody(|_, user| user.exists() && spaced(user)) else { break };
            let family = self.users[&spouse].full_name.rsplit(' ').next().unwrap_or_default().to_owned();
            let mailbox = format!("{}.{}", part(&self.users[&key].name, true), part(&self.users[&spouse].name, false));
            self.edit(&key, |user| {
                let given = user.full_name.split(' ').next().unwrap_or_default();
                user.full_name = format!("{given} {family}");
                let host = user.email.rsplit('@').next().unwrap_or_default();
                user.email = format!("{mailbox}@{host}");
            });
            self.happened(Event::Married);
        }
        for _ in 0..self.times(0.06) {
            let Some(key) = self.somebody(|site, user| site.has_access(user) && !user.department.is_empty()) else {
                break;
            };
            let old = self.users[&key].department.clone();
            let new = DEPARTMENTS.iter().filter(|department| department.1 != old).choose(&mut self.rng);
            let &(group, department, posts) = new.expect("there are several departments");
            let post = *posts.choose(&mut self.rng).expect("every department has posts");
            if let Some(left) = DEPARTMENTS.iter().find(|department| department.1 == old) {
                self.leave(&key, left.0);
            }
            self.join(&key, group);
            self.edit(&key, |user| {
                user.department = department.to_owned();
                user.position = post.to_owned();
            });
            self.happened(Event::DepartmentMoved);
        }
        for _ in 0..self.times(0.07) {
            let Some(key) = self.somebody(|site, user| site.has_access(user)) else { break };
            let number = self.rng.random_range(1000..9999);
            self.edit(&key, |user| user.phone = format!("+49 30 5551-{number}"));
            self.happened(Event::PhoneChanged);
        }
    }

    fn groups_change(&mut self) {
        for _ in 0..self.times(0.25) {
            let Some(key) = self.somebody(|site, user| site.has_access(user)) else { break };
            let Some(project) = self.some_project() else { break };
            self.join(&key, &project);
            self.happened(Event::ProjectJoined);
        }
        for _ in 0..self.times(0.2) {
            let Some(project) = self.some_project() else { break };
            let Some(key) = self.groups[&project].iter().choose(&mut self.rng).cloned() else { continue };
            self.leave(&key, &project);
            self.happened(Event::ProjectLeft);
        }
        for _ in 0..self.times(0.02) {
            let number = self.rng.random_range(2..1000);
            let Some(base) = self.some_project() else { break };
            let name = format!("{}-{number}", base.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()));
            for _ in 0..self.rng.random_range(1..12) {
                if let Some(key) = self.somebody(|site, user| site.has_access(user)) {
                    self.join(&key, &name);
                }
            }
            self.happened(Event::GroupCreated);
        }
        for _ in 0..self.times(0.012) {
            let projects = self.groups.keys().filter(|name| name.starts_with("proj-")).count();
            let Some(project) = self.some_project().filter(|_| projects > 2) else { break };
            self.groups.remove(&project);
            self.happened(Event::GroupRemoved);
        }
    }

    fn everybody_logs_in(&mut self, weekend: bool) {
        let keys: Vec<_> = self.users.values().filter(|user| user.exists()).map(|user| user.key.clone()).collect();
        for key in keys {
            let user = &self.users[&key];
            let access = self.has_access(user);
            let habit = if weekend { user.habit * 0.06 } else { user.habit };
            let comes = access && self.rng.random_bool(habit);
            // Those who come mistype now and then; those shut out try once in a while.
            let fails = self.rng.random_bool(if comes { 0.02 } else { 0.0003 });
            let time = self.moment(self.today).max(self.users[&key].created_at);
            let user = self.users.get_mut(&key).expect("the key was just read");
            if fails {
                user.last_failed_login_at = Some(time);
            }
            if comes {
                user.last_login_at = Some(time.plus_millis(20_000));
            }
            for (happens, event) in [(fails, Event::LoginFailed), (comes, Event::LoggedIn)] {
                if happens {
                    self.happened(event);
                }
            }
        }
    }
}

/// The given or the family part of a log-in name, letters only.
fn part(name: &str, given: bool) -> String {
    let mut parts = name.split('@').next().unwrap_or_default().split(|c: char| !c.is_alphabetic());
    let part = if given { parts.next() } else { parts.rfind(|part| !part.is_empty()) };
    part.unwrap_or_default().to_lowercase()
}
