//! Who is away, and who came back.

use rollbook::model::Timestamp;

use super::Expected;
use crate::reports::then::{DAY, Person, Row, Then, count, with};

/// When the status was first seen, and by which walk.
fn begun(person: &Person, column: &'static str) -> Row {
    let run = person.run();
    let columns = [
        (column, person.since().into()),
        ("not_before", person.site.not_before(run).into()),
        ("walk_id", person.site.pictures[run].walk.into()),
        ("last_login_at", person.last_login_at().into()),
    ];
    with(person.row(), columns)
}

fn since<'a>(then: &Then<'a>, since: Option<Timestamp>, statuses: &[&str]) -> Vec<Person<'a>> {
    let of = |person: &Person| statuses.contains(&person.seen.status) && since.is_none_or(|at| person.since() >= at);
    let mut people: Vec<Person> = then.people().filter(of).collect();
    people.sort_by_key(|person| (person.site.record.site, person.since(), person.key));
    people
}

pub fn deactivated(then: &Then, at: Option<Timestamp>) -> Expected {
    let people = since(then, at, &["deactivated"]);
    let row = |person: &Person| with(begun(person, "deactivated_at"), [("groups", count(person.groups().len()))]);
    people.iter().map(row).collect::<Vec<_>>().into()
}

pub fn vanished(then: &Then, at: Option<Timestamp>) -> Expected {
    let people = since(then, at, &["missing", "deleted"]);
    people.iter().map(|person| begun(person, "vanished_at")).collect::<Vec<_>>().into()
}

pub fn no_access(then: &Then) -> Expected {
    let rows = then.people().filter(|person| person.seen.status == "no-access").map(|person| {
        let columns = [
            ("since", person.since().into()),
            ("last_login_at", person.last_login_at().into()),
            ("groups", count(person.groups().len())),
        ];
        with(person.row(), columns)
    });
    rows.collect::<Vec<_>>().into()
}

/// What a change of status is called when somebody is back with it.
fn returned_as(before: &str, after: &str) -> Option<&'static str> {
    match (before, after) {
        (_, "missing" | "deleted" | "deactivated") => None,
        ("missing" | "deleted", _) => Some("user.returned"),
        ("deactivated", _) => Some("user.reactivated"),
        (_, "active") => Some("user.access-gained"),
        _ => None,
    }
}

pub fn returned(then: &Then, since: Option<Timestamp>) -> Expected {
    let mut rows = Vec::new();
    for person in then.people() {
        let pictures = person.site.pictures;
        // Since when the user was away.
        let mut away: Option<Timestamp> = None;
        for (nth, pair) in pictures.windows(2).enumerate() {
            let statuses = [&pair[0], &pair[1]].map(|picture| picture.users.get(person.key).map(|seen| seen.status));
            let [Some(before), Some(after)] = statuses else { continue };
            away = if before == "active" { None } else { away.or(Some(pair[0].at)) };
            let (at, kind) = (pair[1].at, returned_as(before, after).filter(|_| before != after));
            let Some(kind) = kind.filter(|_| since.is_none_or(|since| at >= since)) else { continue };
            let away = away.expect("who is back was away");
            let columns = [
                ("at", at.into()),
                ("not_before", person.site.not_before(nth + 1).into()),
                ("kind", kind.into()),
                ("from_status", before.into()),
                ("away_days", ((at.millis() - away.millis()) / DAY).into()),
                ("walk_id", pair[1].walk.into()),
            ];
            rows.push(with(person.row(), columns));
        }
    }
    Expected { rows, order: &["site", "at"] }
}
