//! A simulated site, a real database file, and pictures of both that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rollbook::clock::Clock;
use rollbook::config::{Credentials, Guard, Limits, Secret, Site, SiteKind, UserExport};
use rollbook::confluence::Memory;
use rollbook::model::{Status, Timestamp};
use rollbook::simulator::{Population, Settings, Simulator, Truth};
use rollbook::store::{self, Store};
use rollbook::sync::{self, WalkError, WalkOptions, WalkReport};
use sqlx::{Row, SqliteConnection};

/// A site, the mirror of it, and the time.
pub struct World {
    pub sim: Simulator,
    pub site: Site,
    pub store: Store,
    pub clock: Clock,
    /// What the walks remember of the pages before.
    pub memory: Option<Memory>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new(settings: Settings) -> Self {
        Self::of(Simulator::start(settings).await.unwrap()).await
    }

    pub async fn of(sim: Simulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
        let clock = Clock::manual(sim.with_population(|site| site.end_of_day()));
        let site = site(sim.base_url());
        Self { sim, site, store, clock, memory: None, _folder: folder }
    }

    pub async fn walk(&self) -> Result<WalkReport, WalkError> {
        let options = WalkOptions { clock: &self.clock, seed: 1, progress: &|_| {}, memory: self.memory.as_ref() };
        sync::walk(&self.site, &self.store, options).await
    }

    /// Changes the site; a minute passes.
    pub fn change<R>(&self, change: impl FnOnce(&mut Population) -> R) -> R {
        self.clock.set(self.clock.now().plus_millis(60_000));
        self.sim.with_population(|site| {
            let result = change(site);
            site.look();
            result
        })
    }

    /// The status of a user in the mirror.
    pub async fn status(&self, key: &str) -> String {
        sqlx::query_scalar("SELECT status FROM users WHERE key = ?")
            .bind(key)
            .fetch_one(&mut self.reader().await)
            .await
            .unwrap()
    }

    /// Lets days pass at the site, and the clock with them.
    pub fn pass_days(&self, days: u32) {
        let now = self.sim.with_population(|site| {
            site.advance_days(days);
            site.end_of_day()
        });
        self.clock.set(now);
    }

    pub async fn reader(&self) -> SqliteConnection {
        self.store.reader().await.unwrap()
    }

    /// What the site really is, as a walk over it can know.
    pub fn truth(&self) -> Picture {
        Picture::of_truth(self.sim.with_population(|site| site.truth()))
    }

    /// The mirror as it is.
    pub async fn mirror(&self) -> Picture {
        Picture::of_mirror(&mut self.reader().await, None).await
    }

    /// The mirror as it was at `at`.
    pub async fn mirror_at(&self, at: Timestamp) -> Picture {
        Picture::of_mirror(&mut self.reader().await, Some(at)).await
    }
}

pub fn site(base_url: &str) -> Site {
    Site {
        id: "corp".to_owned(),
        kind: SiteKind::DataCenter,
        base_url: base_url.parse().unwrap(),
        credentials: Credentials::Basic { username: "audit".to_owned(), password: Secret::new("audit".to_owned()) },
        schedule: None,
        jitter: Duration::ZERO,
        timezone: chrono_tz::Europe::Berlin,
        freshness: Duration::from_secs(86_400),
        user_export: UserExport::Off,
        allow_writes: false,
        limits: Limits {
            concurrency: 4,
            requests_per_second: 0.0,
            page_size: 1000,
            batch_size: 250,
            lookups_per_walk: 100_000,
            request_timeout: Duration::from_secs(20),
            walk_deadline: Duration::from_secs(3600),
            retries: 1,
        },
        // The sites are small, and their stories wild.
        guard: Guard { users_percent: 100.0, memberships_percent: 100.0, ignore_below: 10 },
        account_ids_file: None,
        cloud_id: None,
        group_filter: None,
        licence_groups: Vec::new(),
        admin_groups: Vec::new(),
        seats: None,
        organization: None,
    }
}

/// Users and groups, as plain text that prints a readable difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// By key: the attributes in a fixed order.
    pub users: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// By name: the members' keys.
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

impl Picture {
    pub fn of_truth(truth: Truth) -> Self {
        let users = truth.users.into_iter().map(|(key, user)| {
            let mut fields = BTreeMap::from([("status", user.status.as_str().to_owned())]);
            // The alias of a deleted account says nothing about the person: the mirror keeps what it knew.
            if user.status != Status::Deleted {
                let access =
                    if user.status == Status::Missing { String::new() } else { u8::from(user.has_access).to_string() };
                fields.extend([
                    ("has_access", access),
                    ("name", user.name),
                    ("full_name", user.full_name),
                    ("email", user.email),
                    ("department", user.department),
                    ("position", user.position),
                    ("location", user.location),
                    ("phone", user.phone),
                    ("im", user.im),
                    ("website", user.website),
                    ("last_login", user.last_login_at.map(Timestamp::to_sql).unwrap_or_default()),
                    ("last_failed", user.last_failed_login_at.map(Timestamp::to_sql).unwrap_or_default()),
                ]);
            }
            (key, fields)
        });
        let groups = truth
            .groups
            .into_iter()
            .map(|(name, group)| (name, if group.readable { group.members } else { BTreeSet::new() }));
        Self { users: users.collect(), groups: groups.collect() }
    }

    pub async fn of_mirror(connection: &mut SqliteConnection, at: Option<Timestamp>) -> Self {
        const FIELDS: [&str; 13] = [
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
            "last_login",
            "last_failed",
        ];
        let profile = "status, CAST(has_access AS TEXT), name, full_name, email, department, position, location, phone, im, website";
        let users = match at {
            None => format!("SELECT key, {profile}, last_login_at, last_failed_login_at FROM users"),
            Some(_) => {
                let profile: Vec<String> =
                    profile.split(", ").map(|column| column.replace("CAST(", "CAST(h.")).collect();
                let profile = profile
                    .iter()
                    .map(|column| if column.starts_with("CAST") { column.clone() } else { format!("h.{column}") })
                    .collect::<Vec<_>>()
                    .join(", ");
                let login = |kind| {
                    format!(
                        "(SELECT max(l.at) FROM logins l JOIN walks w ON w.id = l.walk_id \
                         WHERE l.user_id = u.id AND l.kind = '{kind}' AND w.at <= ?1)"
                    )
                };
                format!(
                    "SELECT u.key, {profile}, {}, {} FROM users u JOIN user_history h ON h.user_id = u.id \
                     WHERE h.valid_from <= ?1 AND (h.valid_to IS NULL OR h.valid_to > ?1)",
                    login("success"),
                    login("failure")
                )
            }
        };
        let at = at.map(Timestamp::to_sql);
        let rows = sqlx::query(sqlx::AssertSqlSafe(users)).bind(&at).fetch_all(&mut *connection).await.unwrap();
        let mut picture = Self { users: BTreeMap::new(), groups: BTreeMap::new() };
        for row in rows {
            let text = |index: usize| row.get::<Option<String>, _>(index).unwrap_or_default();
            let mut fields: BTreeMap<&'static str, String> =
                FIELDS.iter().enumerate().map(|(index, field)| (*field, text(index + 1))).collect();
            if fields["status"] == "deleted" {
                fields.retain(|field, _| *field == "status");
            }
            assert!(picture.users.insert(text(0), fields).is_none(), "two versions of one user at one time");
        }
        let (groups, members) = match at {
            None => (
                "SELECT name FROM groups WHERE removed_at IS NULL",
                "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL",
            ),
            Some(_) => (
                "SELECT name FROM groups WHERE first_seen_at <= ?1 AND (removed_at IS NULL OR removed_at > ?1)",
                "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id \
                 WHERE m.valid_from <= ?1 AND (m.valid_to IS NULL OR m.valid_to > ?1)",
            ),
        };
        for row in sqlx::query(groups).bind(&at).fetch_all(&mut *connection).await.unwrap() {
            picture.groups.insert(row.get(0), BTreeSet::new());
        }
        for row in sqlx::query(members).bind(&at).fetch_all(&mut *connection).await.unwrap() {
            let members = picture.groups.get_mut(row.get::<&str, _>(0)).expect("members only of groups that are there");
            assert!(members.insert(row.get(1)), "two open memberships of one user in one group");
        }
        picture
    }

    /// Compares, and says in which users and groups the two differ.
    #[track_caller]
    pub fn assert_is(&self, expected: &Self, when: &str) {
        let users: BTreeSet<&String> = self.users.keys().chain(expected.users.keys()).collect();
        for key in users {
            assert_eq!(self.users.get(key), expected.users.get(key), "{when}: user {key} (mirror left, truth right)");
        }
        let groups: BTreeSet<&String> = self.groups.keys().chain(expected.groups.keys()).collect();
        for name in groups {
            assert_eq!(
                self.groups.get(name),
                expected.groups.get(name),
                "{when}: group {name} (mirror left, truth right)"
            );
        }
    }
}

/// What must hold of any mirror between two walks: all that `db verify` checks, and what only a test can know.
pub async fn assert_invariants(connection: &mut SqliteConnection) {
    let found = store::verify(&mut *connection).await.unwrap();
    let wrong: Vec<_> = found.verdicts.iter().filter(|verdict| !verdict.is_ok()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let count = async |connection: &mut SqliteConnection, what: &str, sql: &'static str| {
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(connection).await.unwrap();
        assert_eq!(rows, 0, "{what}");
    };
    count(connection, "no walk is left running", "SELECT count(*) FROM walks WHERE status = 'running'").await;
    count(
        connection,
        "the feed and the intervals tell the same joins and leaves",
        "SELECT abs((SELECT count(*) FROM changes WHERE kind = 'member.added') - (SELECT count(*) FROM memberships)) \
         + abs((SELECT count(*) FROM changes WHERE kind = 'member.removed') \
         - (SELECT count(*) FROM memberships WHERE valid_to IS NOT NULL))",
    )
    .await;
    count(
        connection,
        "the changes are counted by kind",
        "WITH told AS (SELECT w.site_id, c.kind, count(*) AS changes FROM change_log c JOIN walks w ON w.id = c.walk_id \
         GROUP BY 1, 2), counted AS (SELECT site_id, kind, changes FROM change_counts) \
         SELECT count(*) FROM (SELECT * FROM (SELECT * FROM told EXCEPT SELECT * FROM counted) \
         UNION ALL SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM told))",
    )
    .await;
}

/// What is in a database: the lines of each table.
pub type Content = BTreeMap<String, Vec<String>>;

/// Two databases hold the same, but for the addresses of two simulators.
#[track_caller]
pub fn assert_same_content(one: &Content, other: &Content, when: &str) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{when}");
    for (table, lines) in one.iter().filter(|(table, _)| *table != "sites") {
        let differing = lines.iter().zip(&other[table]).find(|(one, other)| one != other);
        assert_eq!((differing, lines.len()), (None, other[table].len()), "{when}: {table}");
    }
}

/// The content of every table but `walks`.
pub async fn content_but_walks(connection: &mut SqliteConnection) -> Content {
    let mut content = content(connection).await;
    content.remove("walks");
    content
}

/// The content of every table.
pub async fn content(connection: &mut SqliteConnection) -> Content {
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let mut content = BTreeMap::new();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
            .bind(&table)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let columns: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT concat_ws('|', {}) AS line FROM {table} ORDER BY line", columns.join(", "));
        content.insert(table, sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap());
    }
    content
}
