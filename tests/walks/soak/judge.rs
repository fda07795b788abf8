//! What the mirror may say of a site, whatever went wrong on the way.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::{Status, Timestamp};
use rollbook::simulator::{Population, Truth, User, is_addressable};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

/// The site as it stood during one walk.
pub struct Site {
    pub users: BTreeMap<String, User>,
    groups: BTreeSet<String>,
    access: BTreeSet<String>,
    listed: BTreeSet<String>,
    pub truth: Truth,
    pub truth_with_export: Truth,
}

impl Site {
    pub fn of(site: &Population) -> Self {
        let keys = |which: &dyn Fn(&User) -> bool| {
            site.users.values().filter(|user| which(user)).map(|user| user.key.clone()).collect()
        };
        Self {
            users: site.users.clone(),
            groups: site.groups.keys().cloned().collect(),
            access: keys(&|user| site.has_access(user)),
            listed: keys(&|user| site.is_listed(user)),
            truth: site.truth(),
            truth_with_export: site.truth_with_export(),
        }
    }

    fn has_access(&self, user: &User) -> bool {
        self.access.contains(&user.key)
    }

    fn is_listed(&self, user: &User) -> bool {
        self.listed.contains(&user.key)
    }

    fn is_borne(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.users.values().any(|user| user.exists() && user.name.to_lowercase() == name)
    }
}

/// Who and what a walk took away, or set aside to be taken away, was not there. `exported`: User Export was read,
/// `disturbed`: there were faults.
pub async fn assert_rightly_gone(
    connection: &mut SqliteConnection,
    walk: i64,
    site: &Site,
    exported: bool,
    disturbed: bool,
    when: &str,
) {
    let sql = "SELECT c.kind, u.key, u.name, g.name, c.before \
               FROM (SELECT kind, user_id, group_id, before FROM change_log WHERE walk_id = ?1 \
               UNION ALL SELECT kind, user_id, group_id, before FROM held_changes WHERE walk_id = ?1) c \
               LEFT JOIN users u ON u.id = c.user_id LEFT JOIN groups g ON g.id = c.group_id";
    let rows = sqlx::query(sql).bind(walk).fetch_all(connection).await.unwrap();
    for row in rows {
        let (kind, key): (&str, Option<&str>) = (row.get(0), row.get(1));
        let (name, group): (Option<&str>, Option<&str>) = (row.get(2), row.get(3));
        let when = format!("{when}: {kind} {key:?} {name:?} {group:?}");
        if kind == "group.removed" {
            assert!(!site.groups.contains(group.unwrap()), "{when}: the group is there");
            continue;
        }
        let (Some(key), Some(name)) = (key, name) else {
            // Whoever User Export alone showed is known by the name.
            if let (None, Some(name), "user.deleted") = (key, name, kind) {
                assert!(!site.is_borne(name), "{when}: the user is there");
            }
            continue;
        };
        let user = site.users.get(key).unwrap_or_else(|| panic!("{when}: nobody ever had that key"));
        let when = format!("{when}, called {:?} there", user.name);
        match kind {
            "user.deleted" => assert!(!user.exists(), "{when}: the user is there"),
            "user.missing" => {
                let same_name = user.name.to_lowercase() == name.to_lowercase();
                // Under another name, in a list that could not be read: out of sight.
                let unseen = disturbed && !same_name;
                assert!(!site.is_listed(user) || unseen, "{when}: a listing shows the user");
                assert!(!(exported && !disturbed && user.exists() && same_name), "{when}: User Export shows the user");
            }
            "user.access-lost" => assert!(!site.has_access(user), "{when}: the user has access"),
            "user.deactivated" => assert!(!user.enabled, "{when}: the user is not deactivated"),
            "member.removed" => {
                let group = group.unwrap();
                let is_member = site.truth.groups.get(group).is_some_and(|group| group.members.contains(key));
                assert!(!is_member, "{when}: the user is a member");
            }
            _ => {}
        }
    }
}

/// The mirror as it was at a moment, line by line.
pub async fn as_of(connection: &mut SqliteConnection, at: Timestamp) -> Vec<String> {
    const PROFILE: &str = "name, full_name, email, status, active, has_access, directory, account_type, is_external, \
        department, position, location, phone, im, website, language, time_zone";
    let quoted: Vec<String> = PROFILE.split(", ").map(|column| format!("quote({column})")).collect();
    let within = "<= ?1 AND (valid_to IS NULL OR valid_to > ?1)";
    let sql = format!(
        "SELECT 'user ' || user_id || ' ' || concat_ws('|', {}) FROM user_history WHERE valid_from {within} \
         UNION ALL SELECT 'member ' || group_id || ' ' || user_id FROM memberships WHERE valid_from {within} \
         UNION ALL SELECT 'group ' || id || ' ' || quote(name) FROM groups WHERE first_seen_at <= ?1 \
            AND (removed_at IS NULL OR removed_at > ?1) \
         UNION ALL SELECT 'login ' || l.user_id || l.kind || l.at FROM logins l JOIN walks w ON w.id = l.walk_id \
            WHERE w.at <= ?1 ORDER BY 1",
        quoted.join(", ")
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(at.to_sql()).fetch_all(connection).await.unwrap()
}

/// Compares two pictures of one moment.
#[track_caller]
pub fn assert_same(now: &[String], then: &[String], when: &str) {
    let (now, then): (BTreeSet<_>, BTreeSet<_>) = (now.iter().collect(), then.iter().collect());
    let (added, lost): (Vec<_>, Vec<_>) = (now.difference(&then).collect(), then.difference(&now).collect());
    assert!(added.is_empty() && lost.is_empty(), "{when}: the past changed: now {added:#?}, then {lost:#?}");
}

/// What the walks so far can have learnt.
#[derive(Default)]
pub struct Past {
    /// Whom an undisturbed walk saw.
    pub seen: BTreeSet<String>,
    /// By lower-case name: who ever bore it.
    pub names: BTreeMap<String, BTreeSet<String>>,
    /// Whether User Export was ever read.
    pub exported: bool,
}

impl Past {
    /// The site as it is now was walked, undisturbed, or not.
    pub fn walked(&mut self, site: &Site, undisturbed: bool, export: bool, looks_up_all: bool) {
        for user in site.users.values().filter(|user| user.exists()) {
            self.names.entry(user.name.to_lowercase()).or_default().insert(user.key.clone());
            // Without a look-up User Export shows a name.
            if undisturbed && (site.is_listed(user) || (export && looks_up_all)) {
                self.seen.insert(user.key.clone());
            }
        }
        self.exported |= export;
    }
}

impl Past {
    /// Whether the name was once another's.
    pub fn was_anothers(&self, name: &str, key: &str) -> bool {
        self.names.get(&name.to_lowercase()).is_some_and(|keys| keys.iter().any(|bearer| bearer != key))
    }
}

const TEXTS: [&str; 9] = ["name", "full_name", "email", "department", "position", "location", "phone", "im", "website"];

struct Known {
    name: String,
    status: Status,
    has_access: Option<bool>,
    texts: BTreeMap<&'static str, String>,
    directory: Option<String>,
    language: Option<String>,
    last_login: Option<String>,
}

/// After a walk that nothing disturbed the mirror is the site, as far as it can be known.
pub async fn assert_is_the_site(connection: &mut SqliteConnection, site: &Site, export: bool, past: &Past, when: &str) {
    let rows = sqlx::query("SELECT * FROM users").fetch_all(&mut *connection).await.unwrap();
    let mut known = BTreeMap::new();
    for row in rows {
        let text = |column: &str| row.get::<Option<String>, _>(column);
        let found = Known {
            name: row.get("name"),
            status: Status::ALL.into_iter().find(|status| status.as_str() == row.get::<&str, _>("status")).unwrap(),
            has_access: row.get("has_access"),
            texts: TEXTS.map(|column| (column, text(column).unwrap_or_default())).into(),
            directory: text("directory"),
            language: text("language"),
            last_login: text("last_login_at"),
        };
        match text("key") {
            Some(key) => drop(known.insert(key, found)),
            None => assert_keyless(&found, site, past, when),
        }
    }
    let strangers: Vec<_> = known.keys().filter(|key| !site.users.contains_key(*key)).collect();
    assert!(strangers.is_empty(), "{when}: nobody ever had the keys {strangers:?}");
    for user in site.users.values() {
        let when = format!("{when}: user {} {:?}", user.key, user.name);
        match known.get(&user.key) {
            Some(known) => assert_user(known, user, site, export, past, &when),
            None => {
                let shown = site.is_listed(user) || (export && user.exists());
                assert!(!shown && !past.seen.contains(&user.key), "{when}: not in the mirror");
            }
        }
    }
    let open = "SELECT g.name, u.key FROM groups g LEFT JOIN memberships m ON m.group_id = g.id \
                AND m.valid_to IS NULL LEFT JOIN users u ON u.id = m.user_id WHERE g.removed_at IS NULL";
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in sqlx::query(open).fetch_all(connection).await.unwrap() {
        groups.entry(row.get(0)).or_default().extend(row.get::<Option<String>, _>(1));
    }
    for (name, group) in &site.truth.groups {
        let expected = if is_addressable(name) { group.members.clone() } else { BTreeSet::new() };
        assert_eq!(groups.remove(name), Some(expected), "{when}: group {name} (mirror left)");
    }
    assert!(groups.is_empty(), "{when}: these groups are gone: {:?}", groups.keys());
}

/// Whom User Export showed by a name alone: the look-ups of the last walk bring the key of everybody who is there.
fn assert_keyless(known: &Known, site: &Site, past: &Past, when: &str) {
    let Known { name, status, .. } = known;
    assert!(matches!(status, Status::Deleted | Status::Missing), "{when}: {name:?} is {status:?} without a key");
    let bearers = past.names.get(&name.to_lowercase()).unwrap_or_else(|| panic!("{when}: nobody was called {name:?}"));
    let gone = bearers.iter().any(|key| !site.users[key].exists());
    assert!(*status == Status::Missing || gone, "{when}: {name:?} is called deleted, all who had the name are there");
}

fn assert_user(known: &Known, user: &User, site: &Site, export: bool, past: &Past, when: &str) {
    let status = known.status;
    let same_name = known.name.to_lowercase() == user.name.to_lowercase();
    if !user.exists() {
        // That an account without its alias is gone for good User Export alone can tell.
        let fits = match user.deleted {
            true => status == Status::Deleted,
            false => status == Status::Missing || (past.exported && status == Status::Deleted),
        };
        assert!(fits, "{when}: is {status:?}");
        return;
    }
    if !export && !site.is_listed(user) && !same_name {
        assert_eq!(status, Status::Missing, "{when}: renamed out of sight");
        return;
    }
    let access = site.has_access(user);
    let expected = match (access, export && !user.enabled) {
        (true, _) => Status::Active,
        (false, true) => Status::Deactivated,
        // What User Export said when it was last read.
        (false, false) if !export && past.exported && status == Status::Deactivated => Status::Deactivated,
        (false, false) => Status::NoAccess,
    };
    assert_eq!(status, expected, "{when} (mirror left)");
    assert_eq!(known.has_access, Some(access), "{when}: has_access (mirror left)");
    let texts = [
        &user.name,
        &user.full_name,
        &user.email,
        &user.department,
        &user.position,
        &user.location,
        &user.phone,
        &user.im,
        &user.website,
    ];
    let by_extender = site.is_listed(user) || !export;
    for (column, text) in TEXTS.into_iter().zip(texts) {
        let known = &known.texts[column];
        match column {
            "name" if !by_extender => assert!(same_name, "{when}: is called {known:?}"),
            // User Export tells no more of a profile.
            _ if !by_extender && !["full_name", "email"].contains(&column) => {}
            _ => assert_eq!(known, text, "{when}: {column} (mirror left)"),
        }
    }
    if by_extender {
        assert_eq!(known.last_login, user.last_login_at.map(Timestamp::to_sql), "{when}: last log-in (mirror left)");
    }
    if export {
        assert_eq!(known.directory.as_deref(), Some(user.directory.as_str()), "{when}: directory (mirror left)");
        assert_eq!(known.language.as_deref().unwrap_or_default(), user.language, "{when}: language (mirror left)");
    }
}

/// Where every walk was undisturbed and could look everybody up, the simulator's own truth says how each user stands.
pub async fn assert_is_the_truth(connection: &mut SqliteConnection, truth: &Truth, when: &str) {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT key, status FROM users WHERE key IS NOT NULL").fetch_all(connection).await.unwrap();
    let known: BTreeMap<String, String> = rows.into_iter().collect();
    let keys: BTreeSet<&String> = known.keys().chain(truth.users.keys()).collect();
    for key in keys {
        let expected = truth.users.get(key).map(|user| user.status.as_str());
        assert_eq!(known.get(key).map(String::as_str), expected, "{when}: user {key} (mirror left, truth right)");
    }
}
