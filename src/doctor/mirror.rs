//! What the mirror says of a site: how fresh it is, what waits for a decision, whom no request can name.

use super::check::{Check, Fault};
use crate::clock::Clock;
use crate::config::Site;
use crate::model::Timestamp;
use crate::render::duration;
use crate::store::{self, SiteState, Store, WalkSummary};

const FRESHNESS: &str = "freshness";
/// So many names are told.
const NAMED: usize = 5;

/// Checks a site in the mirror; nothing where the mirror cannot be read, which is told elsewhere.
pub(super) async fn check(site: &Site, store: Option<&Store>, clock: &Clock) -> Vec<Check> {
    let Some(store) = store else { return vec![Check::skipped(FRESHNESS, "there is no mirror that can be read")] };
    match read(site, store).await {
        Ok((Some(kind), _)) if kind != site.kind.as_str() => vec![other_kind(&kind, site.kind.as_str())],
        Ok((_, state)) => judge(site, state.as_ref(), clock.now(), is_walking(site, store, state.as_ref())),
        Err(error) => {
            let remedy = "`rollbook db verify` says what is wrong with it";
            vec![Check::failed(FRESHNESS, Fault::Unusable, format!("the mirror cannot be read: {error}"), remedy)]
        }
    }
}

/// Of which kind its users in the mirror are, if there are any, and how the mirror stands.
async fn read(site: &Site, store: &Store) -> Result<(Option<String>, Option<SiteState>), Box<dyn std::error::Error>> {
    let mut reader = store.reader().await?;
    let kind = store::kind_of_users(&mut reader, &site.id).await?;
    let Some((id, _)) = store::find_site(&mut reader, &site.id).await? else { return Ok((kind, None)) };
    Ok((kind, Some(SiteState::read(&mut reader, id, site.kind.as_str()).await?)))
}

/// A migrated site is another site: its accounts have other keys.
fn other_kind(known: &str, configured: &str) -> Check {
    let found = format!("the mirror has users of a {known} site under this id, and it is configured as {configured}");
    Check::failed("kind", Fault::Unusable, found, "give the new site an id of its own: no walk of it is made")
}

/// Whether the walk whose row says that it runs does; `None` where nobody says so, or nobody can tell.
fn is_walking(site: &Site, store: &Store, state: Option<&SiteState>) -> Option<bool> {
    state?.last_walk.as_ref().filter(|walk| walk.status == "running")?;
    store::is_walking(store.path(), &site.id).ok()
}

fn judge(site: &Site, state: Option<&SiteState>, now: Timestamp, walking: Option<bool>) -> Vec<Check> {
    let empty = SiteState::default();
    let state = state.unwrap_or(&empty);
    let mut checks = vec![freshness(site, state, now)];
    checks.extend(state.last_walk.as_ref().and_then(|walk| last_walk(walk, now, walking)));
    if let Some(held) = &state.held_walk {
        let found = format!("walk {} is held: {}", held.id, state.held_because.join("; "));
        let remedy = format!(
            "`rollbook walks diff {0}` shows what it would take away; `rollbook walks approve {0}` or `reject` decides",
            held.id
        );
        checks.push(Check::warning("hold", found, remedy));
    }
    checks.extend(names(state));
    checks
}

fn freshness(site: &Site, state: &SiteState, now: Timestamp) -> Check {
    let (Some(walk), Some(stale)) = (&state.last_applied, state.is_stale(site.freshness, now)) else {
        return Check::warning(FRESHNESS, "no walk of the site was applied yet", "`rollbook sync` walks it");
    };
    let age = (now.millis() - walk.moment().millis()) / 1000;
    let limit = i64::try_from(site.freshness.as_secs()).unwrap_or(i64::MAX);
    let found = format!("walk {} was applied {} ago, the limit is {}", walk.id, duration(age), duration(limit));
    if !stale {
        return Check::ok(FRESHNESS, found);
    }
    Check::warning(
        FRESHNESS,
        found,
        "`rollbook sync` walks it now; `rollbook walks list` says what came of the last walks",
    )
}

/// What the newest walk says, unless all is well with it.
fn last_walk(walk: &WalkSummary, now: Timestamp, walking: Option<bool>) -> Option<Check> {
    const NAME: &str = "last-walk";
    let id = walk.id;
    let age = duration((now.millis() - walk.moment().millis()) / 1000);
    let why = walk.error.as_deref().and_then(|error| error.lines().next()).unwrap_or_default();
    match walk.status.as_str() {
        "running" if walking == Some(false) => Some(Check::warning(
            NAME,
            format!("walk {id} began {age} ago and was broken off: no process walks the site"),
            "nothing of it was applied; `rollbook sync` walks the site again",
        )),
        "running" => Some(Check::ok(NAME, format!("a process is walking the site since {age} (walk {id})"))),
        "failed" | "partial" | "held" if walk.error.is_some() => Some(Check::warning(
            NAME,
            format!("walk {id}, {age} ago, is {}: {why}", walk.status),
            format!("`rollbook walks show {id}` says all of it"),
        )),
        _ => None,
    }
}

/// Groups by their names, users by how many they are: a finding names nobody.
fn names(state: &SiteState) -> Option<Check> {
    let mut found = Vec::new();
    let groups = &state.unaddressable_groups;
    if !groups.is_empty() {
        let named: Vec<String> = groups.iter().take(NAMED).map(|group| format!("'{group}'")).collect();
        let more = groups.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.push(format!("the members of {}{more} cannot be read", named.join(", ")));
    }
    match state.unaddressable_users.len() {
        0 => {}
        1 => found.push("1 user whom no listing shows cannot be looked up".to_owned()),
        users => found.push(format!("{users} users whom no listing shows cannot be looked up")),
    }
    (!found.is_empty()).then(|| {
        Check::warning(
            "names",
            format!("{}: a name with a slash cannot stand in a request", found.join("; ")),
            "`rollbook status` names all of them; another name in Confluence is the only way to read them",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn walk(status: &str) -> WalkSummary {
        let at = Timestamp::parse_sql("2026-01-31 08:00:00.000").unwrap();
        let (status, error) = (status.to_owned(), Some("a page of users: 500\nanother".to_owned()));
        WalkSummary { id: 7, status, started_at: at, finished_at: Some(at), at: Some(at), error }
    }

    fn judged(status: &str, walking: Option<bool>) -> Option<(Verdict, String)> {
        let now = Timestamp::parse_sql("2026-01-31 09:00:00.000").unwrap();
        last_walk(&walk(status), now, walking).map(|check| (check.verdict, check.found))
    }

    #[test]
    fn a_walk_that_runs_and_one_that_was_broken_off() {
        assert_eq!(judged("applied", None), None);
        assert_eq!(judged("running", Some(true)).unwrap().0, Verdict::Ok);
        assert_eq!(judged("running", None).unwrap().0, Verdict::Ok);
        assert_eq!(judged("running", Some(false)).unwrap().0, Verdict::Warning);
        let (verdict, found) = judged("partial", None).unwrap();
        assert_eq!(verdict, Verdict::Warning);
        assert!(found.ends_with("partial: a page of users: 500"), "{found}");
    }

    #[test]
    fn groups_are_named_and_users_are_not() {
        let state = SiteState {
            unaddressable_groups: (1..=7).map(|n| format!("a/{n}")).collect(),
            unaddressable_users: vec!["canary/one".to_owned(), "canary/two".to_owned()],
            ..SiteState::default()
        };
        let check = names(&state).unwrap();
        assert!(check.found.contains("'a/5' and 2 more") && check.found.contains("2 users"), "{}", check.found);
        assert!(!check.found.contains("canary"));
        assert_eq!(names(&SiteState::default()), None);
    }
}
