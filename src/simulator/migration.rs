//! People who move from one site to another, as from a Data Center to Cloud.

use std::collections::BTreeSet;

use chrono::Days;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::population::{Population, User};

/// How often those who moved still log in at the old site, on a working day.
const RARELY: f64 = 0.002;
/// How often those who stay with both sites come to the new one at least.
const NOW_AND_THEN: f64 = 0.2;
/// The group of guests.
const GUESTS: &str = "guests";

impl Population {
    /// Makes this a site that opens today, with the groups of `here`, nobody but service accounts in them, and nobody who
    /// cleans up this year.
    pub fn open(&mut self, here: &Population) {
        for name in here.groups.keys() {
            self.groups.entry(name.clone()).or_default();
        }
        self.groups.retain(|name, _| here.groups.contains_key(name));
        self.mail_host = "example.org";
        self.next_wave = self.today + Days::new(365);
        let opened = self.moment(self.today);
        for user in self.users.values_mut() {
            (user.created_at, user.updated_at) = (opened, opened);
            (user.last_login_at, user.last_failed_login_at) = (None, None);
        }
        for user in self.users.values().cloned().collect::<Vec<_>>() {
            let traits = self.traits_mut(&user.key);
            // An app has no mailbox to show.
            (traits.is_external, traits.email_hidden) = (false, user.name.starts_with("svc-"));
        }
    }

    /// Gives the next `people` of `here` accounts on this site too, with their e-mail, their full name, and those of their
    /// groups that there are. Answers how many there were.
    ///
    /// Departments come one after the other. Most of the people log in here from then on and hardly there any more; some
    /// use both sites, some never come. Their accounts on `here` stay as they are.
    pub fn take_over(&mut self, here: &mut Population, people: usize) -> usize {
        let mut next: Vec<User> = here.licensed().into_iter().filter(|user| !user.serves()).cloned().collect();
        next.sort_by_key(|user| (user.department.is_empty(), user.department.clone()));
        // Of those who share a mailbox one is invited.
        next.retain(|user| !self.moved.contains(&user.email));
        let mut addresses = BTreeSet::new();
        next.retain(|user| addresses.insert(user.email.clone()));
        next.truncate(people);
        for user in &next {
            let (habit_there, habit) = match self.rng.random_range(0..100) {
                0..8 => (user.habit, 0.0),
                8..20 => (user.habit, user.habit.max(NOW_AND_THEN)),
                _ => (user.habit.min(RARELY), user.habit),
            };
            if let Some(user) = here.users.get_mut(&user.key) {
                user.habit = habit_there;
            }
            self.settle(user, habit, here);
        }
        next.len()
    }

    /// Opens an account for somebody of `here`.
    fn settle(&mut self, user: &User, habit: f64, here: &Population) {
        let (key, now) = (self.new_key(), self.moment(self.today));
        for (name, keys) in &here.groups {
            if keys.contains(&user.key) && self.groups.contains_key(name) {
                self.join(&key, name);
            }
        }
        self.traits_mut(&key).is_external = false;
        self.moved.insert(user.email.clone());
        let account = User {
            // Nobody logs in by a name on Cloud: it is one to be shown.
            name: user.full_name.clone(),
            created_at: now,
            updated_at: now,
            last_login_at: None,
            last_failed_login_at: None,
            habit,
            key: key.clone(),
            ..user.clone()
        };
        self.users.insert(key, account);
    }

    /// Guests from outside, in a group of their own and without a licence: the organization does not tell of their use.
    pub fn invite_guests(&mut self, guests: usize) {
        for _ in 0..guests {
            let (nth, now) = (self.invented, self.moment(self.today));
            self.invented += 1;
            let mut guest = self.invent(nth, now);
            guest.email = guest.email.replace(self.mail_host, "partner.example");
            let shown = self.traits_mut(&guest.key);
            (shown.is_external, shown.email_hidden) = (true, false);
            self.join(&guest.key, GUESTS);
            self.users.insert(guest.key.clone(), guest);
        }
    }

    /// So many of those who came show their e-mail nobody any more.
    pub fn hide_addresses(&mut self, people: usize) {
        for _ in 0..people {
            let shows = |user: &&User| {
                user.last_login_at.is_some()
                    && !user.serves()
                    && self.has_access(user)
                    && !self.traits_of(user).email_hidden
            };
            let keys: Vec<String> = self.users.values().filter(shows).map(|user| user.key.clone()).collect();
            let Some(key) = keys.choose(&mut self.rng) else { return };
            self.traits_mut(key).email_hidden = true;
        }
    }

    /// The largest group for a project becomes one for a team: `proj-atlas` is `team-atlas` from now on.
    pub fn rename_a_project(&mut self) {
        let projects = self.groups.iter().filter_map(|(name, keys)| Some((keys.len(), name.strip_prefix("proj-")?)));
        if let Some((_, project)) = projects.max() {
            let (old, new) = (format!("proj-{project}"), format!("team-{project}"));
            self.rename_group(&old, &new);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn sites(seed: u64) -> [Population; 2] {
        let day = NaiveDate::from_ymd_opt(2025, 1, 6).expect("a date");
        let here = Population::generate(120, seed, day, chrono_tz::Europe::Berlin);
        let mut there = Population::generate(0, !seed, day, chrono_tz::Europe::Berlin);
        there.open(&here);
        [here, there]
    }

    fn addresses(site: &Population) -> BTreeSet<&str> {
        site.users.values().filter(|user| !user.serves()).map(|user| user.email.as_str()).collect()
    }

    #[test]
    fn people_move_with_their_address_and_keep_their_old_seat() {
        let [mut here, mut there] = sites(1);
        let licensed = here.licensed().len();
        assert_eq!(there.take_over(&mut here, 40), 40);
        assert_eq!(there.take_over(&mut here, 10), 10);
        assert_eq!(here.licensed().len(), licensed);
        assert_eq!(addresses(&there).len(), 50, "nobody twice");
        for user in there.users.values().filter(|user| !user.serves()) {
            let mut same = here.users.values().filter(|other| other.email == user.email);
            assert!(same.any(|other| other.full_name == user.full_name && other.key != user.key), "{user:?}");
            assert!(there.has_access(user) && user.last_login_at.is_none());
        }
        let mut engineers = here.licensed().into_iter().filter(|user| user.department == "Engineering");
        assert!(engineers.all(|user| addresses(&there).contains(user.email.as_str())), "a department moves together");
        let [mut here_again, mut there_again] = sites(1);
        there_again.take_over(&mut here_again, 40);
        there_again.take_over(&mut here_again, 10);
        assert_eq!(
            (&there.users, &here.users),
            (&there_again.users, &here_again.users),
            "the same seed, the same move"
        );
        // Everybody is there in the end, and nobody is invited again.
        assert!(there.take_over(&mut here, 1_000) > 20);
        assert_eq!(there.take_over(&mut here, 1_000), 0);
    }

    #[test]
    fn who_moved_is_active_there_and_idle_here() {
        let [mut here, mut there] = sites(2);
        there.take_over(&mut here, 1_000);
        let moved = here.today;
        for _ in 0..60 {
            here.advance_day();
            there.advance_day();
        }
        let of = |address: &str| here.users.values().find(|user| user.email == address && here.has_access(user));
        let late = |user: &User| user.last_login_at.is_some_and(|time| time.to_sql()[..10] > *moved.to_string());
        let both = there.users.values().filter_map(|user| Some((late(of(&user.email)?), late(user))));
        let count = |wanted| both.clone().filter(|pair| *pair == wanted).count();
        let (idle_here, on_both, never_came) = (count((false, true)), count((true, true)), count((true, false)));
        assert!(idle_here > 50 && on_both > 3 && never_came > 3, "{idle_here} {on_both} {never_came}");
    }

    #[test]
    fn the_rest_of_a_new_site() {
        let [mut here, mut there] = sites(3);
        there.take_over(&mut here, 40);
        there.advance_day();
        there.invite_guests(3);
        there.hide_addresses(2);
        let members =
            there.groups.iter().filter(|(name, _)| name.starts_with("proj-")).map(|(_, keys)| keys.len()).max();
        there.rename_a_project();
        let guests: Vec<_> = there.groups[GUESTS].iter().map(|key| &there.users[key]).collect();
        assert!(guests.iter().all(|guest| guest.email.ends_with("@partner.example") && !there.has_access(guest)));
        assert_eq!(guests.len(), 3);
        let team = there.groups.iter().find(|(name, _)| name.starts_with("team-")).map(|(_, keys)| keys.len());
        assert_eq!(team, members);
    }
}
