//! Users and groups as plain text, of the simulated site and of its mirror, to compare the two.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::{Status, Timestamp};
use rollbook::simulator::{Truth, UserTruth};

use super::Database;

/// The columns compared, of `users`.
const FIELDS: [&str; 16] = [
    "status",
    "has_access",
    "name",
    "full_name",
    "email",
    "department",
    "position",
    "location",
    "phone",
    "im",
    "website",
    "last_login_at",
    "last_failed_login_at",
    "active",
    "directory",
    "language",
];

/// What User Export alone tells.
const EXPORTED: [&str; 3] = ["active", "directory", "language"];

/// What is known of one user: its columns, blank where they are NULL.
pub type Fields = BTreeMap<&'static str, String>;

/// Who and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// By key; by name while nobody told the key.
    pub users: BTreeMap<String, Fields>,
    /// The names of the groups.
    pub groups: BTreeSet<String>,
    /// Group and key of every member.
    pub members: BTreeSet<(String, String)>,
}

impl Picture {
    /// What the site really is, as far as walks can know.
    pub fn of_truth(truth: Truth) -> Self {
        let users = truth.users.into_iter().map(|(key, user)| (key, fields(user)));
        let mut picture = Self { users: users.collect(), ..Self::default() };
        for (name, group) in truth.groups {
            if group.readable {
                picture.members.extend(group.members.into_iter().map(|key| (name.clone(), key)));
            }
            picture.groups.insert(name);
        }
        picture
    }

    /// The mirror as it is.
    pub fn of_mirror(mut database: Database<'_>) -> Self {
        let mut picture = Self::default();
        let columns = FIELDS.map(|field| format!("coalesce({field}, '')")).join(", ");
        for row in database.rows(&format!("SELECT coalesce(key, name), {columns} FROM users")) {
            let mut cells = row.split('|').map(str::to_owned);
            let key = cells.next().unwrap();
            let mut fields: Fields = FIELDS.into_iter().zip(cells).collect();
            assert_eq!(fields.len(), FIELDS.len(), "a value holds the separator: {row}");
            if fields["status"] == "deleted" {
                fields.retain(|field, _| *field == "status");
            }
            assert!(picture.users.insert(key, fields).is_none(), "two rows of one user: {row}");
        }
        picture.groups.extend(database.rows("SELECT name FROM groups WHERE removed_at IS NULL"));
        let members = "SELECT coalesce(u.key, u.name), g.name FROM memberships m JOIN groups g ON g.id = m.group_id \
            JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL";
        for row in database.rows(members) {
            let (key, group) = row.split_once('|').unwrap();
            assert!(picture.members.insert((group.to_owned(), key.to_owned())), "a member twice: {row}");
        }
        picture
    }

    /// Checks that this mirror is that site.
    #[track_caller]
    pub fn assert_is(&self, site: &Self, when: &str) {
        let users: BTreeSet<&String> = self.users.keys().chain(site.users.keys()).collect();
        for key in users {
            assert_eq!(self.users.get(key), site.users.get(key), "{when}: user {key} (mirror left, site right)");
        }
        assert_eq!(self.groups, site.groups, "{when}: groups (mirror left, site right)");
        let odd: Vec<_> = self.members.symmetric_difference(&site.members).collect();
        assert!(odd.is_empty(), "{when}: members of one alone: {odd:?}");
    }

    /// Checks that all this mirror says is as it was, or as the site is now, to Extender alone or to both apps, and that
    /// nothing that stood is lost.
    #[track_caller]
    pub fn assert_is_between(&self, before: &Self, [now, to_extender]: [&Self; 2], when: &str) {
        for (key, fields) in &self.users {
            for (field, value) in fields {
                let told = |picture: &Self| {
                    let user = picture.users.get(key);
                    // Of a deleted account nothing but its status is compared.
                    user.is_some_and(|user| user.get(field).is_none_or(|told| told == value))
                };
                assert!(
                    told(before) || told(now) || told(to_extender),
                    "{when}: {field} of user {key} is '{value}', before {:?}, at the site {:?}",
                    before.users.get(key),
                    now.users.get(key),
                );
            }
        }
        let lost: Vec<_> = before.users.keys().filter(|key| !self.users.contains_key(*key)).collect();
        assert!(lost.is_empty(), "{when}: users lost: {lost:?}");
        within(&self.groups, &before.groups, &now.groups, when);
        within(&self.members, &before.members, &now.members, when);
    }

    /// What User Export alone tells of everybody.
    pub fn exported(&self) -> BTreeMap<&String, Vec<&String>> {
        let told = |fields: &'_ Fields| -> bool { fields.contains_key("active") };
        let users = self.users.iter().filter(|(_, fields)| told(fields));
        users.map(|(key, fields)| (key, EXPORTED.iter().map(|field| &fields[field]).collect())).collect()
    }

    /// The members of a group.
    pub fn members_of(&self, group: &str) -> BTreeSet<&String> {
        self.members.iter().filter(|(name, _)| name == group).map(|(_, key)| key).collect()
    }
}

#[track_caller]
fn within<T: Ord + std::fmt::Debug>(mirror: &BTreeSet<T>, before: &BTreeSet<T>, now: &BTreeSet<T>, when: &str) {
    let stood = before.intersection(now);
    let lost: Vec<_> = stood.filter(|item| !mirror.contains(item)).collect();
    assert!(lost.is_empty(), "{when}: stood throughout and was lost: {lost:?}");
    let made_up: Vec<_> = mirror.iter().filter(|item| !before.contains(item) && !now.contains(item)).collect();
    assert!(made_up.is_empty(), "{when}: never was: {made_up:?}");
}

fn fields(user: UserTruth) -> Fields {
    let status = user.status;
    if status == Status::Deleted {
        return Fields::from([("status", status.as_str().to_owned())]);
    }
    let yes = |yes: bool| u8::from(yes).to_string();
    let time = |time: Option<Timestamp>| time.map(Timestamp::to_sql).unwrap_or_default();
    let has_access = if status == Status::Missing { String::new() } else { yes(user.has_access) };
    let export = user.export.map(|export| [yes(export.active), export.directory, export.language]);
    let values = [
        status.as_str().to_owned(),
        has_access,
        user.name,
        user.full_name,
        user.email,
        user.department,
        user.position,
        user.location,
        user.phone,
        user.im,
        user.website,
        time(user.last_login_at),
        time(user.last_failed_login_at),
    ];
    FIELDS.into_iter().zip(values.into_iter().chain(export.unwrap_or_default())).collect()
}
