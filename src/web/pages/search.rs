//! `/search?q=`: users and groups that have a text in their names, whatever the case.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sqlx::{Connection, SqliteConnection};

use super::user_events::badge;
use super::{Shell, page as done};
use crate::render::visible;
use crate::web::asked::Asked;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

const WITHIN: Duration = Duration::from_secs(10);

/// Users, and groups, that are shown at most.
const MOST: usize = 100;

/// A longer text is nobody's name.
const LONGEST: usize = 255;

#[derive(Clone, Debug, sqlx::FromRow)]
struct UserRow {
    id: i64,
    site: String,
    key: Option<String>,
    name: String,
    full_name: Option<String>,
    email: Option<String>,
    status: String,
    /// A name that it once had and that is what was looked for.
    once: Option<String>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct GroupRow {
    id: i64,
    site: String,
    name: String,
    removed: bool,
    /// A name that it once had and that is what was looked for.
    once: Option<String>,
}

/// A text that is looked for, as patterns of SQLite.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// For LIKE with `\`, which knows the case of ASCII, and is fast.
    like: String,
    /// For GLOB, where there are other letters than that.
    glob: Option<String>,
}

impl Pattern {
    fn of(text: &str) -> Self {
        let mut like = String::from("%");
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                like.push('\\');
            }
            like.push(c);
        }
        like.push('%');
        Self { like, glob: (!text.is_ascii()).then(|| glob(text)) }
    }
}

/// Each letter in either case, anywhere in a text.
fn glob(text: &str) -> String {
    let mut glob = String::from("*");
    for c in text.chars() {
        let mut cases = vec![c];
        for other in [single(c.to_lowercase()), single(c.to_uppercase())].into_iter().flatten() {
            if !cases.contains(&other) {
                cases.push(other);
            }
        }
        match cases.as_slice() {
            [c] if !matches!(c, '*' | '?' | '[') => glob.push(*c),
            cases => {
                glob.push('[');
                glob.extend(cases);
                glob.push(']');
            }
        }
    }
    glob.push('*');
    glob
}

/// The letter, where a case of it is one.
fn single(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// What was found, and whether there is more.
struct Found {
    users: Vec<UserRow>,
    more_users: bool,
    groups: Vec<GroupRow>,
    more_groups: bool,
}

async fn find(connection: &mut SqliteConnection, text: &str) -> Result<Found, sqlx::Error> {
    let mut snapshot = connection.begin().await?;
    let pattern = Pattern::of(text);
    let (ids, more_users) = user_ids(&mut snapshot, text, &pattern).await?;
    let users = users(&mut snapshot, &ids, &pattern).await?;
    let mut groups = groups(&mut snapshot, &pattern).await?;
    let more_groups = groups.len() > MOST;
    groups.truncate(MOST);
    snapshot.rollback().await?;
    Ok(Found { users, more_users, groups, more_groups })
}

/// Those whose key or name it is, then those who have it anywhere.
async fn user_ids(
    connection: &mut SqliteConnection,
    text: &str,
    pattern: &Pattern,
) -> Result<(Vec<i64>, bool), sqlx::Error> {
    // By the indexes.
    let mut ids: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM accounts WHERE site_id IN (SELECT id FROM sites) AND key = ?1 AND forgotten_at IS NULL \
         UNION SELECT id FROM accounts WHERE name = ?1 COLLATE NOCASE AND forgotten_at IS NULL \
         UNION SELECT v.user_id FROM account_versions v JOIN users u ON u.id = v.user_id \
             WHERE v.name = ?1 COLLATE NOCASE \
         LIMIT ?2",
    )
    .bind(text)
    .bind(MOST as i64 + 1)
    .fetch_all(&mut *connection)
    .await?;
    // All of them, until there are enough.
    for question in [
        "SELECT id FROM accounts WHERE forgotten_at IS NULL \
         AND (name LIKE ?1 ESCAPE '\\' OR full_name LIKE ?1 ESCAPE '\\' OR email LIKE ?1 ESCAPE '\\' \
             OR key LIKE ?1 ESCAPE '\\' \
             OR (?2 IS NOT NULL AND (name GLOB ?2 OR full_name GLOB ?2 OR email GLOB ?2))) LIMIT ?3",
        "SELECT DISTINCT v.user_id FROM account_versions v JOIN users u ON u.id = v.user_id \
         WHERE v.name <> u.name AND (v.name LIKE ?1 ESCAPE '\\' OR (?2 IS NOT NULL AND v.name GLOB ?2)) LIMIT ?3",
    ] {
        if ids.len() > MOST {
            break;
        }
        let found: Vec<i64> = sqlx::query_scalar(question)
            .bind(&pattern.like)
            .bind(&pattern.glob)
            // Some of them may be there already.
            .bind((MOST + 1 + ids.len()) as i64)
            .fetch_all(&mut *connection)
            .await?;
        for id in found {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let more = ids.len() > MOST;
    ids.truncate(MOST);
    Ok((ids, more))
}

async fn users(connection: &mut SqliteConnection, ids: &[i64], pattern: &Pattern) -> Result<Vec<UserRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT u.id, s.name AS site, u.key, u.name, u.full_name, u.email, u.status, ( \
             SELECT v.name FROM account_versions v WHERE v.user_id = u.id AND v.name <> u.name \
                 AND (v.name LIKE ?2 ESCAPE '\\' OR (?3 IS NOT NULL AND v.name GLOB ?3)) \
             ORDER BY v.valid_from DESC LIMIT 1) AS once \
         FROM json_each(?1) j JOIN users u ON u.id = j.value JOIN sites s ON s.id = u.site_id ORDER BY j.key",
    )
    .bind(serde_json::Value::from(ids).to_string())
    .bind(&pattern.like)
    .bind(&pattern.glob)
    .fetch_all(connection)
    .await
}

async fn groups(connection: &mut SqliteConnection, pattern: &Pattern) -> Result<Vec<GroupRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT g.id, s.name AS site, g.name, g.removed_at IS NOT NULL AS removed, \
             max(CASE WHEN h.name <> g.name THEN h.name END) AS once \
         FROM group_history h JOIN groups g ON g.id = h.group_id JOIN sites s ON s.id = g.site_id \
         WHERE h.name LIKE ?1 ESCAPE '\\' OR (?2 IS NOT NULL AND h.name GLOB ?2) \
         GROUP BY g.id ORDER BY g.removed_at IS NOT NULL, g.name COLLATE NOCASE, s.name, g.id LIMIT ?3",
    )
    .bind(&pattern.like)
    .bind(&pattern.glob)
    .bind(MOST as i64 + 1)
    .fetch_all(connection)
    .await
}

#[derive(Template)]
#[template(path = "web/search.html")]
struct Page {
    shell: Shell,
    asked: String,
    users: Vec<User>,
    more_users: bool,
    groups: Vec<Group>,
    more_groups: bool,
}

struct User {
    id: i64,
    site: String,
    key: String,
    name: String,
    full_name: String,
    email: String,
    status: String,
    badge: &'static str,
    once: Option<String>,
}

struct Group {
    id: i64,
    site: String,
    name: String,
    status: &'static str,
    badge: &'static str,
    once: Option<String>,
}

pub(super) async fn page(State(shared): State<Shared>, mut asked: Asked) -> Result<Response, Refusal> {
    let text = asked.take("q")?.unwrap_or_default().trim().to_owned();
    asked.done()?;
    if text.chars().count() > LONGEST {
        return Err(Refusal::bad(format!("what is looked for is longer than {LONGEST} characters")));
    }
    let told = text.clone();
    let ask = async move |mut reader: Reader| Ok::<_, Refusal>(find(&mut reader, &told).await?);
    // SQLite takes a NUL for the end of the text; no name of the mirror has one.
    let found = match text.is_empty() || text.contains('\0') {
        true => Found { users: Vec::new(), more_users: false, groups: Vec::new(), more_groups: false },
        false => shared.mirror.ask(Lane::Slow, WITHIN, ask).await?,
    };
    let mut shell = Shell::new("Search", "/search", &shared);
    shell.search = visible(&text).into_owned();
    Ok(done(&Page {
        asked: shell.search.clone(),
        shell,
        users: found.users.into_iter().map(User::of).collect(),
        more_users: found.more_users,
        groups: found.groups.into_iter().map(Group::of).collect(),
        more_groups: found.more_groups,
    }))
}

fn shown(text: &str) -> String {
    visible(text).into_owned()
}

impl User {
    fn of(row: UserRow) -> Self {
        let text = |text: &Option<String>| shown(text.as_deref().unwrap_or_default());
        Self {
            id: row.id,
            site: shown(&row.site),
            key: text(&row.key),
            name: shown(&row.name),
            full_name: text(&row.full_name),
            email: text(&row.email),
            badge: badge(&row.status),
            status: row.status,
            once: row.once.as_deref().map(shown),
        }
    }
}

impl Group {
    fn of(row: GroupRow) -> Self {
        let status = if row.removed { "removed" } else { "present" };
        let (site, name, once) = (shown(&row.site), shown(&row.name), row.once.as_deref().map(shown));
        Self { id: row.id, site, name, status, badge: badge(status), once }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{mirror, mirror_with};

    #[test]
    fn a_pattern_is_the_text_itself_in_any_case() {
        assert_eq!(Pattern::of("50%_\\"), Pattern { like: "%50\\%\\_\\\\%".to_owned(), glob: None });
        assert_eq!(glob("Öz*l["), "*[Öö][zZ][*][lL][[]*");
        assert_eq!(glob("ß]^"), "*ß]^*", "what has no case of one letter");
    }

    async fn names(connection: &mut SqliteConnection, text: &str) -> Vec<String> {
        let found = find(connection, text).await.unwrap();
        found.users.into_iter().map(|user| user.name).chain(found.groups.into_iter().map(|group| group.name)).collect()
    }

    #[tokio::test]
    async fn any_part_of_a_name_is_found_whatever_the_case() {
        let mut mirror = mirror().await;
        assert_eq!(names(&mut mirror, "BOB").await, ["bob", "bobby"], "first whose name it is");
        assert_eq!(names(&mut mirror, "zoË").await, ["Zoë"]);
        assert_eq!(names(&mut mirror, "ža").await, ["Žan"]);
        assert_eq!(names(&mut mirror, "k8").await, ["gone"]);
        assert_eq!(names(&mut mirror, "D/te").await, ["old/team"]);
        let found = find(&mut mirror, "ally").await.unwrap();
        let once: Vec<_> = found.users.iter().map(|user| (user.name.as_str(), user.once.as_deref())).collect();
        assert_eq!(once, [("alice", Some("ally")), ("Ally", None)]);
        for nothing in ["%", "_ob", "b*b", "[b]ob", "\\"] {
            let found = names(&mut mirror, nothing).await;
            assert!(!found.iter().any(|name| name.starts_with("bob")), "{nothing}: {found:?}");
        }
    }

    #[tokio::test]
    async fn who_was_forgotten_is_not_found() {
        let forget = "UPDATE accounts SET forgotten_at = '2026-03-01 00:00:00.000' WHERE id = 2";
        assert_eq!(names(&mut mirror_with(forget).await, "bob").await, ["bobby"]);
    }
}
