//! Lists in their order, kept until the database changes: a page is a part of one. What the rows say is read for the page
//! alone.

use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::super::mirror::{Generation, Lane, Reader};
use super::super::refusal::Refusal;
use super::super::routes::Shared;
use super::super::shelf::Weight;
use super::rows::{LIMIT, each, number, text, truth};
use super::view::View;
use crate::render::quoted;
use crate::store::sandbox::Bound;

const USERS: &str = include_str!("sql/users.sql");
const MEMBERS: &str = include_str!("sql/members.sql");
const GROUP: &str = include_str!("sql/group.sql");
const EXPORTED: &str = include_str!("sql/exported.sql");

/// Users by their numbers, in the order of the list.
#[derive(Debug, Default)]
pub(super) struct Roster(pub Vec<i64>);

impl Weight for Roster {
    fn weight(&self) -> usize {
        self.0.len() * size_of::<i64>()
    }
}

/// Everybody whom User Export lists, in its order.
#[derive(Debug, Default)]
pub(super) struct Exported(pub Vec<Listed>);

/// One of them.
#[derive(Debug)]
pub(super) struct Listed {
    pub id: i64,
    /// `None`: no source says.
    pub active: Option<bool>,
    /// Name, display name and e-mail address in lower case, with NUL between them.
    pub searched: Box<str>,
}

impl Weight for Exported {
    fn weight(&self) -> usize {
        self.0.iter().map(|listed| size_of::<Listed>() + listed.searched.len()).sum()
    }
}

/// Whether a group can be asked for its members upstream: a server refuses an encoded slash in a path, and no address can
/// spell `.` and `..`.
fn is_addressable(group: &str) -> bool {
    !group.contains(['/', '\\']) && group != "." && group != ".."
}

/// The list of users, or of the members of a group.
///
/// # Errors
/// There is no such group.
pub(super) async fn roster(
    shared: &Shared,
    generation: Generation,
    view: &Arc<View>,
    group: Option<&str>,
) -> Result<Arc<Roster>, Refusal> {
    if let Some(group) = group.filter(|group| !is_addressable(group)) {
        let why = "cannot stand in an address of the site, so its members are not known";
        return Err(Refusal::bad(format!("the name {} {why}", quoted(group))));
    }
    let key = format!("{}|{group:?}", view.key());
    let (view, group) = (view.clone(), group.map(str::to_owned));
    let find = shared.mirror.ask(Lane::Quick, LIMIT, async move |mut reader: Reader| {
        let mut snapshot = reader.begin().await?;
        let mut parameters = view.parameters();
        if let Some(group) = &group {
            parameters.push(("group", Bound::Text(group.clone())));
            let mut id = None;
            each(&mut snapshot, GROUP, &parameters, |row| id = number(row, 0)).await?;
            let id = id.ok_or_else(|| Refusal::absent(format!("Group '{group}' does not exist")))?;
            parameters.pop();
            parameters.push(("group", Bound::Integer(id)));
        }
        let sql = if group.is_some() { MEMBERS } else { USERS };
        read(&mut snapshot, sql, &parameters).await
    });
    shared.compat.rosters.get(generation, key, LIMIT, find).await
}

async fn read(snapshot: &mut SqliteConnection, sql: &str, parameters: &[(&str, Bound)]) -> Result<Roster, Refusal> {
    let mut users: Vec<(Box<str>, i64)> = Vec::new();
    each(snapshot, sql, parameters, |row| {
        users.push((text(row, 1).to_lowercase().into(), number(row, 0).unwrap_or_default()));
    })
    .await?;
    // Stable: who has the same name stays in the order of the keys.
    users.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Roster(users.into_iter().map(|(_, id)| id).collect()))
}

/// Everybody whom User Export lists.
pub(super) async fn exported(
    shared: &Shared,
    generation: Generation,
    view: &Arc<View>,
) -> Result<Arc<Exported>, Refusal> {
    let (key, view) = (view.key(), view.clone());
    let find = shared.mirror.ask(Lane::Quick, LIMIT, async move |mut reader: Reader| {
        let mut users = Vec::new();
        each(&mut reader, EXPORTED, &view.parameters(), |row| {
            let searched = [1, 2, 3].map(|column| text(row, column).to_lowercase()).join("\0").into();
            users.push(Listed { id: number(row, 0).unwrap_or_default(), active: truth(row, 4), searched });
        })
        .await?;
        users.sort_by(|a, b| name(a).cmp(name(b)));
        Ok::<_, Refusal>(Exported(users))
    });
    shared.compat.exported.get(generation, key, LIMIT, find).await
}

/// Up to the first NUL.
fn name(listed: &Listed) -> &str {
    listed.searched.split('\0').next().unwrap_or_default()
}

impl Listed {
    /// Whether a search finds it; `text` is in lower case.
    pub fn is_found(&self, text: &str, active: bool, inactive: bool) -> bool {
        self.active.map_or(active || inactive, |is| if is { active } else { inactive })
            && (text.is_empty() || self.searched.split('\0').any(|part| part.contains(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_looks_at_each_text_alone() {
        let listed = |active| Listed { id: 1, active, searched: "ann\0ann özil\0ann@mail.com".into() };
        let found = |text: &str| listed(Some(true)).is_found(text, true, false);
        assert!(found("") && found("özil") && found("@mail") && !found("annann") && !found("bob"));
        assert!(!listed(Some(true)).is_found("", false, true) && listed(Some(false)).is_found("", false, true));
        // Of whom nobody knows belongs to both, but not to none.
        assert!(listed(None).is_found("", true, false) && listed(None).is_found("", false, true));
        assert!(!listed(None).is_found("", false, false));
    }
}
