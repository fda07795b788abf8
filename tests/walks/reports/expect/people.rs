//! Accounts, and the people behind them.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::render::Value;

use super::Expected;
use crate::reports::then::{DAY, Person, Row, Then, bit, count, text, told, with};

/// The columns of the report `users` that are texts of the profile.
const PROFILE: [&str; 11] = [
    "directory",
    "account_type",
    "department",
    "position",
    "location",
    "phone",
    "im",
    "website",
    "language",
    "time_zone",
    "account_status",
];

pub fn users(then: &Then) -> Expected {
    let rows = then.people().map(|person| {
        let Person { seen, site, .. } = person;
        let since = |status: &str| Value::from((seen.status == status).then(|| person.since()));
        let columns = [
            ("active", told(seen.active)),
            ("has_access", told(seen.has_access)),
            ("is_external", told(seen.is_external)),
            ("email_hidden", bit(seen.email_hidden)),
            ("created_at", person.created_at().into()),
            ("updated_at", person.updated_at().into()),
            ("last_login_at", person.last_login_at().into()),
            ("last_login_known", bit(!site.record.cloud)),
            ("last_failed_login_at", person.failures().last().copied().into()),
            ("last_active_at", person.last_active_at().into()),
            ("last_active_known", bit(site.record.cloud && person.is_told())),
            ("first_seen_at", person.first_seen_at().into()),
            ("missing_since", since("missing")),
            ("deactivated_at", since("deactivated")),
            ("deleted_at", since("deleted")),
        ];
        let mut row = with(person.row(), columns);
        row.extend(PROFILE.iter().map(|column| (*column, text(seen.text(column)))));
        row
    });
    rows.collect::<Vec<_>>().into()
}

/// By which one person is found on several sites.
fn address(person: &Person) -> String {
    person.seen.email.trim_matches(' ').to_ascii_lowercase()
}

pub fn duplicates(then: &Then) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        for same in ["email", "name"] {
            let value = |person: &Person| match same {
                "email" => address(person),
                _ => person.seen.name.to_ascii_lowercase(),
            };
            let mut sharing: BTreeMap<String, Vec<Person>> = BTreeMap::new();
            for person in site.people().filter(|person| !["deleted", "missing"].contains(&person.seen.status)) {
                sharing.entry(value(&person)).or_default().push(person);
            }
            for (value, people) in sharing.iter().filter(|(value, people)| !value.is_empty() && people.len() > 1) {
                for person in people {
                    let columns = [
                        ("same", same.into()),
                        ("value", text(value)),
                        ("accounts", count(people.len())),
                        ("last_login_at", person.last_login_at().into()),
                        ("last_active_at", person.last_active_at().into()),
                    ];
                    rows.push(with(person.row(), columns));
                }
            }
        }
    }
    rows.into()
}

pub fn failed_logins(then: &Then, days: i64) -> Expected {
    let from = then.at.plus_millis(-days * DAY);
    let mut rows = Vec::new();
    for person in then.people().filter(|person| person.seen.status != "deleted") {
        let failures: BTreeSet<_> = person.failures().into_iter().filter(|at| *at >= from).collect();
        let (Some(first), Some(last)) = (failures.first(), failures.last()) else { continue };
        let since = failures.iter().filter(|at| person.last_login_at().is_none_or(|login| **at > login)).count();
        let columns = [
            ("failures", count(failures.len())),
            ("first_failed_at", (*first).into()),
            ("last_failed_login_at", (*last).into()),
            ("last_login_at", person.last_login_at().into()),
            ("since_success", count(since)),
        ];
        let row = with(person.row(), columns);
        rows.push(((person.site.record.site, -(failures.len() as i64), -last.millis(), person.key), row));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>().into()
}

/// The people who have accounts on several sites, whichever are asked about.
pub fn people(then: &Then, days: i64) -> Expected {
    let mut persons: BTreeMap<String, Vec<Person>> = BTreeMap::new();
    for site in &then.sites {
        for person in site.people().filter(|person| !["deleted", "missing"].contains(&person.seen.status)) {
            persons.entry(address(&person)).or_default().push(person);
        }
    }
    let mut rows = Vec::new();
    for (_, accounts) in persons.into_iter().filter(|(email, _)| !email.is_empty()) {
        let sites: BTreeSet<&str> = accounts.iter().map(|account| account.site.record.site).collect();
        if sites.len() < 2 {
            continue;
        }
        for account in accounts.iter().filter(|account| then.chosen.contains(&account.site.record.site)) {
            rows.push(account_row(account, &accounts, sites.len(), days));
        }
    }
    rows.into()
}

fn account_row(account: &Person, accounts: &[Person], sites: usize, days: i64) -> Row {
    let here = account.site.record.site;
    let others = accounts.iter().filter(|other| other.site.record.site != here && other.is_active());
    let reasons: BTreeSet<&str> = others.map(|other| other.presence(days).reason).collect();
    let elsewhere = ["current", "unknown", "idle", "never"].into_iter().find(|reason| reasons.contains(reason));
    let activity = account.presence(days);
    let verdict = match (account.is_active(), activity.reason) {
        (true, "current") => Some("active here"),
        // An account that is new has not been given up.
        (true, "idle" | "never") if account.is_idle(days) && elsewhere == Some("current") => {
            Some("idle here, active there")
        }
        _ => None,
    };
    let columns = [
        ("last_login_at", account.last_login_at().into()),
        ("last_active_at", account.last_active_at().into()),
        ("days", activity.days.into()),
        ("reason", activity.reason.into()),
        ("sites", count(sites)),
        ("elsewhere", elsewhere.into()),
        ("verdict", verdict.into()),
    ];
    with(account.row(), columns)
}
