//! What must be true of a mirror, asked of the site itself.

use std::collections::BTreeSet;

use rollbook::simulator::{Population, Settings, UserExportApp, is_addressable};

use super::World;

impl World {
    /// A site of exactly these: nobody is there but `active.000` and so on, all in `confluence-users`.
    pub fn exactly(users: usize, user_export: UserExportApp) -> (Self, Vec<String>) {
        let world = Self::with(Settings { users: 3, seed: 11, user_export, ..Settings::default() });
        let keys = world.change(|site| {
            site.users.clear();
            site.groups.values_mut().for_each(BTreeSet::clear);
            let filled = |site: &mut Population, n: usize| {
                let key = site.add(&format!("active.{n:03}"));
                let user = site.users.get_mut(&key).unwrap();
                user.email = format!("active.{n:03}@example.com");
                user.position = "Clerk".to_owned();
                key
            };
            (0..users).map(|n| filled(site, n)).collect()
        });
        (world, keys)
    }

    /// A walk that trips the guard: its id.
    #[track_caller]
    pub fn held(&self) -> i64 {
        self.sync().exits(4);
        let row = self.one("SELECT id, status FROM walks ORDER BY id DESC LIMIT 1");
        let (id, status) = row.split_once('|').unwrap();
        assert_eq!(status, "held");
        id.parse().unwrap()
    }

    /// `walks VERB ID`.
    pub fn walks(&self, verb: &str, id: i64, more: &[&str]) -> super::Ran {
        let id = id.to_string();
        self.run(&[&["walks", verb, id.as_str()], more].concat())
    }

    /// Who is active at the site and who is in which group is what the mirror says, and the mirror is sound.
    #[track_caller]
    pub fn agrees(&self) {
        let (users, members, groups) = self.change(|site| {
            let users: BTreeSet<String> = site
                .licensed()
                .iter()
                .map(|u| format!("{}|{}|{}|{}|{}", u.key, u.name, u.full_name, u.email, u.position))
                .collect();
            let mut members = BTreeSet::new();
            for group in site.groups.keys().filter(|group| is_addressable(group)) {
                members.extend(site.members(group).unwrap().iter().map(|user| format!("{group}|{}", user.key)));
            }
            (users, members, site.groups.keys().cloned().collect::<BTreeSet<_>>())
        });
        let told: BTreeSet<String> = self
            .rows(
                "SELECT key, name, full_name, coalesce(email, ''), coalesce(position, '') FROM users WHERE status = 'active'",
            )
            .into_iter()
            .collect();
        assert_eq!(told, users, "who is active");
        let told: BTreeSet<String> = self
            .rows(
                "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL",
            )
            .into_iter()
            .collect();
        assert_eq!(told, members, "who is in which group");
        let told: BTreeSet<String> =
            self.rows("SELECT name FROM groups WHERE removed_at IS NULL").into_iter().collect();
        assert_eq!(told, groups, "which groups there are");
        self.is_sound();
    }

    /// `db verify` finds nothing.
    #[track_caller]
    pub fn is_sound(&self) {
        self.run(&["db", "verify"]).exits(0);
    }

    /// What a mirror holds but for walks and what was remembered of listings.
    pub fn known(&self) -> std::collections::BTreeMap<String, Vec<String>> {
        self.database().contents(&[
            "walks",
            "holds",
            "held_changes",
            "held_standings",
            "listings",
            "group_fingerprints",
        ])
    }
}
