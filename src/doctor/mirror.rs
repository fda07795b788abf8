//! What the mirror says of a site: how fresh it is, what waits for a decision, whom no request can name.

use super::check::{Check, Fault};
use crate::clock::Clock;
use crate::config::Site;
use crate::model::Timestamp;
use crate::render::duration;
use crate::store::{self, Freshness, HoldStanding, Oddities, SiteStanding, Store, WalkRow};

const FRESHNESS: &str = "freshness";
/// So many names are told.
const NAMED: usize = 5;

/// Checks a site in the mirror; nothing where the mirror cannot be read, which is told elsewhere.
pub(super) async fn check(site: &Site, store: Option<&Store>, clock: &Clock) -> Vec<Check> {
    let Some(store) = store else { return vec![Check::skipped(FRESHNESS, "there is no mirror that can be read")] };
    match read(site, store).await {
        Ok((Some(kind), _)) if kind != site.kind.as_str() => vec![other_kind(&kind, site.kind.as_str())],
        Ok((_, known)) => judge(site, known.as_ref(), clock.now(), is_walking(site, store, known.as_ref())),
        Err(error) => {
            let remedy = "`rollbook db verify` says what is wrong with it";
            vec![Check::failed(FRESHNESS, Fault::Unusable, format!("the mirror cannot be read: {error}"), remedy)]
        }
    }
}

/// How a site stands in the mirror.
struct Known {
    standing: SiteStanding,
    oddities: Oddities,
}

/// Of which kind its users in the mirror are, if there are any, and how it stands.
async fn read(site: &Site, store: &Store) -> Result<(Option<String>, Option<Known>), Box<dyn std::error::Error>> {
    let mut reader = store.reader().await?;
    let kind = store::kind_of_users(&mut reader, &site.id).await?;
    let standings = store::site_standings(&mut reader).await?;
    let Some(standing) = standings.into_iter().find(|standing| standing.name == site.id) else {
        return Ok((kind, None));
    };
    let walk = standing.last_walk.as_ref().map(|walk| walk.id);
    let oddities = Oddities::read(&mut reader, standing.id, site.kind.as_str(), walk).await?;
    Ok((kind, Some(Known { standing, oddities })))
}

/// A migrated site is another site: its accounts have other keys.
fn other_kind(known: &str, configured: &str) -> Check {
    let found = format!("the mirror has users of a {known} site under this id, and it is configured as {configured}");
    Check::failed("kind", Fault::Unusable, found, "give the new site an id of its own: no walk of it is made")
}

/// Whether the walk whose row says that it runs does; `None` where nobody says so, or nobody can tell.
fn is_walking(site: &Site, store: &Store, known: Option<&Known>) -> Option<bool> {
    known?.standing.last_walk.as_ref().filter(|walk| walk.status == "running")?;
    store::is_walking(store.path(), &site.id).ok()
}

fn judge(site: &Site, known: Option<&Known>, now: Timestamp, walking: Option<bool>) -> Vec<Check> {
    let standing = known.map(|known| &known.standing);
    let mut checks = vec![freshness(site, standing.and_then(|standing| standing.last_applied.as_ref()), now)];
    let newest = standing.and_then(|standing| standing.last_walk.as_ref());
    checks.extend(newest.and_then(|walk| last_walk(walk, now, walking)));
    if let Some(HoldStanding { walk, reasons, .. }) = standing.and_then(|standing| standing.held.as_ref()) {
        let reasons: Vec<&str> = reasons.lines().collect();
        let found = format!("walk {} is held: {}", walk.id, reasons.join("; "));
        let remedy = format!(
            "`rollbook walks diff {0}` shows what it would take away; `rollbook walks approve {0}` or `reject` decides",
            walk.id
        );
        checks.push(Check::warning("hold", found, remedy));
    }
    checks.extend(known.and_then(|known| names(&known.oddities)));
    checks
}

fn freshness(site: &Site, applied: Option<&WalkRow>, now: Timestamp) -> Check {
    let Some(walk) = applied else {
        return Check::warning(FRESHNESS, "no walk of the site was applied yet", "`rollbook sync` walks it");
    };
    let age = (now.millis() - walk.moment().millis()) / 1000;
    let limit = i64::try_from(site.freshness.as_secs()).unwrap_or(i64::MAX);
    let found = format!("walk {} was applied {} ago, the limit is {}", walk.id, duration(age), duration(limit));
    if Freshness::of(walk.at, site.freshness, now) == Freshness::Ok {
        return Check::ok(FRESHNESS, found);
    }
    Check::warning(
        FRESHNESS,
        found,
        "`rollbook sync` walks it now; `rollbook walks list` says what came of the last walks",
    )
}

/// What the newest walk says, unless all is well with it.
fn last_walk(walk: &WalkRow, now: Timestamp, walking: Option<bool>) -> Option<Check> {
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
fn names(oddities: &Oddities) -> Option<Check> {
    let mut found = Vec::new();
    let groups = &oddities.groups;
    if !groups.is_empty() {
        let named: Vec<String> = groups.iter().take(NAMED).map(|group| format!("'{group}'")).collect();
        let more = groups.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.push(format!("the members of {}{more} cannot be read", named.join(", ")));
    }
    match oddities.users.len() {
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

    fn walk(status: &str) -> WalkRow {
        let at = Timestamp::parse_sql("2026-01-31 08:00:00.000").unwrap();
        let (status, error) = (status.to_owned(), Some("a page of users: 500\nanother".to_owned()));
        WalkRow {
            id: 7,
            status,
            started_at: at,
            finished_at: Some(at),
            at: Some(at),
            error,
            groups_seen: None,
            memberships_seen: None,
            was_held: false,
        }
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
        let state = Oddities {
            groups: (1..=7).map(|n| format!("a/{n}")).collect(),
            users: vec!["canary/one".to_owned(), "canary/two".to_owned()],
            ..Oddities::default()
        };
        let check = names(&state).unwrap();
        assert!(check.found.contains("'a/5' and 2 more") && check.found.contains("2 users"), "{}", check.found);
        assert!(!check.found.contains("canary"));
        assert_eq!(names(&Oddities::default()), None);
    }
}
