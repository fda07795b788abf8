//! What of a walk somebody has to be told, and in which words. Pure.

use globset::GlobMatcher;
use serde_json::{Map, Value, json};

use crate::config::Event;
use crate::model::Timestamp;
use crate::store::{EndedWalk, GroupMoves};

/// The groups that administer where the configuration names none: those of the report `admins`.
const ADMIN_GROUPS: [&str; 6] = [
    "confluence-administrators",
    "confluence-admins*",
    "administrators",
    "site-admins*",
    "system-administrators",
    "org-admins*",
];

/// Something that somebody has to be told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct News {
    pub event: Event,
    pub site: String,
    pub walk_id: i64,
    pub at: Timestamp,
    /// A sentence for people.
    text: String,
    /// The same for machines.
    details: Map<String, Value>,
}

impl News {
    /// What is sent. `text` is what chat programs show.
    pub(super) fn body(&self) -> String {
        let Self { event, site, walk_id, at, text, details } = self;
        let mut body = Map::new();
        body.insert("text".into(), json!(text));
        body.insert("event".into(), json!(event.as_str()));
        body.insert("site".into(), json!(site));
        body.insert("walk".into(), json!((*walk_id > 0).then_some(walk_id)));
        body.insert("at".into(), json!(at.to_rfc3339()));
        body.extend(details.clone());
        Value::Object(body).to_string()
    }
}

fn news(event: Event, site: &str, walk: &EndedWalk, text: String, details: Value) -> News {
    let details = if let Value::Object(details) = details { details } else { Map::new() };
    News { event, site: site.to_owned(), walk_id: walk.id, at: walk.finished_at, text, details }
}

/// A walk failed, and the one before it did not: whoever was told once knows.
pub(super) fn failed(site: &str, walk: &EndedWalk) -> Option<News> {
    if walk.status != "failed" || walk.before.as_deref() == Some("failed") {
        return None;
    }
    let error = walk.error.clone().unwrap_or_default();
    let text = format!("Rollbook could not walk the site {site}: {error}");
    Some(news(Event::WalkFailed, site, walk, text, json!({ "error": error })))
}

/// A walk is held, and the one before it was not.
pub(super) fn held(site: &str, walk: &EndedWalk) -> Option<News> {
    if walk.status != "held" || matches!(walk.before.as_deref(), Some("held" | "superseded")) {
        return None;
    }
    let reasons: Vec<&str> = walk.held_because.iter().flat_map(|reasons| reasons.lines()).collect();
    let id = walk.id;
    let text = format!(
        "Rollbook holds walk {id} of the site {site}, which would take away an implausible share of what is known: {}. \
         `rollbook walks diff {id}` shows it, `rollbook walks approve {id}` or `reject {id}` decides.",
        reasons.join("; ")
    );
    Some(news(Event::WalkHeld, site, walk, text, json!({ "reasons": reasons })))
}

/// No walk was applied for longer than `limit` seconds; the last that was, if there is one, is `applied`.
pub(super) fn stale(
    site: &str,
    applied: Option<(i64, Timestamp)>,
    since: Timestamp,
    limit: u64,
    now: Timestamp,
) -> News {
    let last = applied.map(|(_, at)| at.to_rfc3339());
    let text = match &last {
        Some(last) => format!("The mirror of the site {site} is stale: its last applied walk is that of {last}."),
        None => format!("The site {site} was never walked to the end, since {}.", since.to_rfc3339()),
    };
    let mut details = Map::new();
    details.insert("last_applied_at".into(), json!(last));
    details.insert("freshness_seconds".into(), json!(limit));
    let walk_id = applied.map_or(0, |(walk, _)| walk);
    News { event: Event::SiteStale, site: site.to_owned(), walk_id, at: now, text, details }
}

/// Somebody joined or left a group that administers. Who it was is in the mirror, and not sent about.
pub(super) fn admins(site: &str, walk: &EndedWalk, moves: &[GroupMoves], patterns: &[String]) -> Option<News> {
    // What the first walk finds was so before.
    walk.not_before?;
    let patterns = matchers(patterns);
    let moved: Vec<&GroupMoves> =
        moves.iter().filter(|moves| patterns.iter().any(|pattern| pattern.is_match(&moves.group))).collect();
    if moved.is_empty() {
        return None;
    }
    let told: Vec<String> =
        moved.iter().map(|moves| format!("{} (+{}, -{})", moves.group, moves.joined, moves.left)).collect();
    let since = walk.not_before.map(Timestamp::to_rfc3339).unwrap_or_default();
    let text = format!(
        "The members of groups that administer the site {site} changed: {}. `rollbook report membership-changes --site \
         {site} --param since={since}` says who.",
        told.join(", ")
    );
    let groups: Vec<Value> =
        moved.iter().map(|moves| json!({ "group": moves.group, "joined": moves.joined, "left": moves.left })).collect();
    Some(news(Event::AdminsChanged, site, walk, text, json!({ "groups": groups })))
}

/// More seats are taken than there are; before this walk that was not so.
pub(super) fn seats(site: &str, walk: &EndedWalk, taken: i64, before: Option<i64>, seats: u64) -> Option<News> {
    let over = |taken: i64| u64::try_from(taken).is_ok_and(|taken| taken > seats);
    if !over(taken) || before.is_some_and(over) {
        return None;
    }
    let text = format!(
        "The site {site} has {taken} active users, and its licence allows {seats}. `rollbook report reclaimable --site \
         {site}` lists seats that can be freed."
    );
    Some(news(Event::SeatsExceeded, site, walk, text, json!({ "taken": taken, "seats": seats })))
}

/// Names are compared without case; what is no pattern stands for itself.
fn matchers(patterns: &[String]) -> Vec<GlobMatcher> {
    let given: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let patterns = if given.is_empty() { ADMIN_GROUPS.to_vec() } else { given };
    let matcher = |pattern: &&str| {
        let build = |text: &str| globset::GlobBuilder::new(text).case_insensitive(true).build();
        build(pattern).or_else(|_| build(&globset::escape(pattern))).ok().map(|glob| glob.compile_matcher())
    };
    patterns.iter().filter_map(matcher).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(status: &str, before: Option<&str>) -> EndedWalk {
        let at = Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap();
        EndedWalk {
            id: 7,
            status: status.into(),
            finished_at: at,
            error: Some("connection refused".into()),
            before: before.map(str::to_owned),
            held_because: Some("30 of 100 active users\n40 of 200 memberships".into()),
            not_before: Some(at.plus_millis(-3_600_000)),
        }
    }

    fn parsed(news: &News) -> Value {
        serde_json::from_str(&news.body()).unwrap()
    }

    #[test]
    fn only_the_first_of_many_failures_is_news() {
        let body = parsed(&failed("corp", &walk("failed", Some("applied"))).unwrap());
        assert_eq!(
            (&body["event"], &body["walk"], &body["error"]),
            (&json!("walk.failed"), &json!(7), &json!("connection refused"))
        );
        assert!(body["text"].as_str().unwrap().contains("corp: connection refused"));
        assert!(failed("corp", &walk("failed", None)).is_some());
        assert!(failed("corp", &walk("failed", Some("failed"))).is_none());
        assert!(failed("corp", &walk("applied", Some("applied"))).is_none());
    }

    #[test]
    fn a_hold_that_goes_on_is_no_news() {
        let body = parsed(&held("corp", &walk("held", Some("applied"))).unwrap());
        assert_eq!(body["reasons"], json!(["30 of 100 active users", "40 of 200 memberships"]));
        assert!(held("corp", &walk("held", Some("superseded"))).is_none());
        assert!(held("corp", &walk("partial", Some("applied"))).is_none());
    }

    #[test]
    fn administrators_are_those_of_the_configuration() {
        let moves = |group: &str| GroupMoves { group: group.into(), joined: 1, left: 0 };
        let all = [moves("Confluence-Administrators"), moves("staff"), moves("wiki[x]")];
        let told = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            admins("corp", &walk("applied", Some("applied")), &all, &patterns)
                .map(|news| parsed(&news)["groups"].clone())
        };
        assert_eq!(told(&[]), Some(json!([{ "group": "Confluence-Administrators", "joined": 1, "left": 0 }])));
        assert_eq!(told(&["STA*"]), Some(json!([{ "group": "staff", "joined": 1, "left": 0 }])));
        assert_eq!(told(&["nobody"]), None);
        let first = EndedWalk { not_before: None, ..walk("applied", None) };
        assert_eq!(admins("corp", &first, &all, &[]), None);
    }

    #[test]
    fn seats_are_news_when_they_run_out() {
        let told = |taken, before| seats("corp", &walk("applied", None), taken, before, 100).is_some();
        assert_eq!(
            [told(100, None), told(101, None), told(101, Some(100)), told(102, Some(101))],
            [false, true, true, false]
        );
    }

    #[test]
    fn a_site_that_was_never_walked_is_stale_by_walk_zero() {
        let (then, now) = (Timestamp::from_millis_clamped(0), Timestamp::from_millis_clamped(90_000_000));
        let body = parsed(&stale("corp", None, then, 86_400, now));
        assert_eq!((&body["walk"], &body["last_applied_at"]), (&Value::Null, &Value::Null));
        let body = parsed(&stale("corp", Some((3, then)), then, 86_400, now));
        assert_eq!((&body["walk"], &body["last_applied_at"]), (&json!(3), &json!("1970-01-01T00:00:00.000Z")));
    }
}
