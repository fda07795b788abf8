//! A Cloud site and its mirror as plain text that prints a readable difference.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::Timestamp;
use rollbook::simulator::{CloudTruth, CloudUserTruth};
use sqlx::{Row, SqliteConnection};

/// What is compared of a user, in the order of the mirror's query.
const FIELDS: [&str; 10] = [
    "status",
    "account_status",
    "name",
    "full_name",
    "email",
    "email_hidden",
    "account_type",
    "is_external",
    "time_zone",
    "last_active_at",
];

/// Users and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudPicture {
    /// By account id: what is known, blank where nothing is.
    pub users: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// By id: the name, and the members' account ids.
    pub groups: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl CloudPicture {
    pub fn of_truth(truth: CloudTruth) -> Self {
        let users = truth.users.into_iter().map(|(id, user)| (id, fields(user)));
        let groups = truth.groups.into_iter().map(|(id, group)| (id, (group.name, group.members)));
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// The mirror as it is, or as it was at `at`.
    pub async fn of_mirror(connection: &mut SqliteConnection, at: Option<Timestamp>) -> Self {
        let profile = |of: &str| {
            let columns = FIELDS[..9].iter().map(|field| format!("CAST({of}.{field} AS TEXT)"));
            columns.collect::<Vec<_>>().join(", ")
        };
        let users = match at {
            None => format!("SELECT u.key, {}, u.last_active_at FROM users u", profile("u")),
            Some(_) => format!(
                "SELECT u.key, {}, (SELECT max(l.at) FROM logins l JOIN walks w ON w.id = l.walk_id \
                 WHERE l.user_id = u.id AND l.kind = 'active' AND w.at <= ?1) \
                 FROM users u JOIN user_history h ON h.user_id = u.id \
                 WHERE h.valid_from <= ?1 AND (h.valid_to IS NULL OR h.valid_to > ?1)",
                profile("h")
            ),
        };
        let at = at.map(Timestamp::to_sql);
        let mut picture = Self { users: BTreeMap::new(), groups: BTreeMap::new() };
        for row in sqlx::query(sqlx::AssertSqlSafe(users)).bind(&at).fetch_all(&mut *connection).await.unwrap() {
            let text = |index: usize| row.get::<Option<String>, _>(index).unwrap_or_default();
            let fields = FIELDS.iter().enumerate().map(|(index, field)| (*field, text(index + 1))).collect();
            assert!(picture.users.insert(text(0), fields).is_none(), "two versions of one user at one time");
        }
        let (groups, members) = match at {
            None => (
                "SELECT external_id, name FROM groups WHERE removed_at IS NULL",
                "SELECT g.external_id, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL",
            ),
            Some(_) => (
                "SELECT g.external_id, h.name FROM groups g JOIN group_history h ON h.group_id = g.id \
                 WHERE h.valid_from <= ?1 AND (h.valid_to IS NULL OR h.valid_to > ?1)",
                "SELECT g.external_id, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id \
                 WHERE m.valid_from <= ?1 AND (m.valid_to IS NULL OR m.valid_to > ?1)",
            ),
        };
        for row in sqlx::query(groups).bind(&at).fetch_all(&mut *connection).await.unwrap() {
            let twice = picture.groups.insert(row.get(0), (row.get(1), BTreeSet::new()));
            assert!(twice.is_none(), "two names of one group at one time");
        }
        for row in sqlx::query(members).bind(&at).fetch_all(&mut *connection).await.unwrap() {
            let group = picture.groups.get_mut(row.get::<&str, _>(0)).expect("members only of groups that are there");
            assert!(group.1.insert(row.get(1)), "two open memberships of one user in one group");
        }
        picture
    }

    /// Tells of the last activity the day alone, as the organization's older API does.
    pub fn by_the_day(mut self) -> Self {
        for at in self.users.values_mut().filter_map(|user| user.get_mut("last_active_at")) {
            if !at.is_empty() {
                at.replace_range(10.., " 00:00:00.000");
            }
        }
        self
    }

    /// Compares, and says in which users and groups the two differ.
    #[track_caller]
    pub fn assert_is(&self, expected: &Self, when: &str) {
        let users: BTreeSet<&String> = self.users.keys().chain(expected.users.keys()).collect();
        for id in users {
            assert_eq!(self.users.get(id), expected.users.get(id), "{when}: user {id} (mirror left, truth right)");
        }
        let groups: BTreeSet<&String> = self.groups.keys().chain(expected.groups.keys()).collect();
        for id in groups {
            assert_eq!(self.groups.get(id), expected.groups.get(id), "{when}: group {id} (mirror left, truth right)");
        }
    }
}

fn fields(user: CloudUserTruth) -> BTreeMap<&'static str, String> {
    let bit = |bit: bool| u8::from(bit).to_string();
    BTreeMap::from([
        ("status", user.status.as_str().to_owned()),
        ("account_status", user.account_status.unwrap_or_default()),
        ("name", user.name),
        ("full_name", user.full_name),
        ("email", user.email),
        ("email_hidden", bit(user.email_hidden)),
        ("account_type", user.account_type),
        ("is_external", bit(user.is_external)),
        ("time_zone", user.time_zone.unwrap_or_default()),
        ("last_active_at", user.last_active_at.map(Timestamp::to_sql).unwrap_or_default()),
    ])
}
