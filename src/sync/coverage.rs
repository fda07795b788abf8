//! What a walk asked for and what it got, part by part: `walks.coverage`, and the view `walk_coverage` upon it.

use serde_json::{Map, Value, json};

use super::departed::Departed;
use super::exports::{Answer, Exported};
use super::groups::Groups;
use super::members::{GroupReading, Reading};
use super::outside::Outside;
use super::resolve::{Finding, LookedUp};
use super::users::UserListing;
use crate::confluence::{Client, Figures, Pass};

/// Counts what is sent for each part of a walk.
pub struct Meter<'a> {
    client: &'a Client,
    before: Figures,
    parts: Vec<(&'static str, Figures)>,
}

impl<'a> Meter<'a> {
    /// The first part begins.
    pub fn new(client: &'a Client) -> Self {
        Self { client, before: client.figures(), parts: Vec::new() }
    }

    /// All that was sent since the part before belongs to `part`.
    pub fn ends(&mut self, part: &'static str) {
        let now = self.client.figures();
        let sent = Figures {
            requests: now.requests - self.before.requests,
            retries: now.retries - self.before.retries,
            rate_limited: now.rate_limited - self.before.rate_limited,
        };
        self.parts.push((part, sent));
        self.before = now;
    }

    /// All that another client sent belongs to `part`.
    pub fn add(&mut self, part: &'static str, sent: Figures) {
        self.parts.push((part, sent));
    }

    /// Per part what was asked, and what `own` says of it besides. Figures that are zero are left out: a walk's row is
    /// written at every walk.
    pub fn coverage(&self, own: impl Fn(&str) -> Own) -> String {
        let mut document = Map::new();
        for (part, sent) in &self.parts {
            let mut figures: Map<String, Value> = Map::new();
            let sent = vec![
                ("asked", json!(sent.requests)),
                ("retried", json!(sent.retries)),
                ("rate_limited", json!(sent.rate_limited)),
            ];
            let none = [json!(0), json!([]), Value::Null];
            let told = sent.into_iter().chain(own(part)).filter(|(_, value)| !none.contains(value));
            figures.extend(told.map(|(name, value)| (name.to_owned(), value)));
            if !figures.is_empty() {
                document.insert((*part).to_owned(), figures.into());
            }
        }
        Value::Object(document).to_string()
    }
}

/// What each part of a walk of a Data Center brought.
pub fn of_data_center(
    part: &str,
    users: &UserListing,
    groups: &Groups,
    outside: &Outside,
    exported: &Exported,
    departed: &Departed,
) -> Own {
    match part {
        "users" => of_users(users),
        "groups" => of_group_list(&groups.pass, groups.problem.as_ref()),
        "members" => of_members(groups),
        "details" => of_details(outside),
        "export" => of_export(exported),
        _ => of_lookups(departed),
    }
}

/// Figures by their names.
pub type Own = Vec<(&'static str, Value)>;

fn of_users(users: &UserListing) -> Own {
    let (_, malformed) = users.roll.malformed();
    vec![
        ("pages", json!(users.pass.pages)),
        ("received", json!(users.pass.received)),
        ("declared", json!(users.pass.declared)),
        ("repeated", json!(users.pass.repeated)),
        ("rewalked", json!(users.passes - 1)),
        ("malformed", json!(malformed)),
        ("problem", json!(users.problem)),
    ]
}

/// What the reading of a list of groups brought.
pub fn of_group_list(pass: &Pass, problem: Option<&String>) -> Own {
    vec![
        ("pages", json!(pass.pages)),
        ("declared", json!(pass.declared)),
        ("received", json!(pass.received)),
        ("repeated", json!(pass.repeated)),
        ("problem", json!(problem)),
    ]
}

fn of_members(groups: &Groups) -> Own {
    let names = |wanted: &dyn Fn(&GroupReading) -> bool| -> Vec<&str> {
        groups.readings.iter().filter(|group| wanted(group)).map(|group| group.name.as_str()).collect()
    };
    let read = |group: &&GroupReading| matches!(group.reading, Reading::Read | Reading::Unchanged);
    let unread = names(&|group| group.failure().is_some());
    let problem = (!unread.is_empty()).then(|| format!("{} groups could not be read", unread.len()));
    vec![
        ("read", json!(groups.readings.iter().filter(read).count())),
        ("received", json!(groups.readings.iter().map(|group| group.size).sum::<u64>())),
        ("repeated", json!(groups.readings.iter().map(|group| group.repeated).sum::<u64>())),
        ("unread", json!(unread)),
        ("not_addressable", json!(names(&|group| group.reading == Reading::NotAddressable))),
        ("problem", json!(problem)),
    ]
}

fn of_details(outside: &Outside) -> Own {
    vec![
        ("received", json!(outside.rows.len())),
        ("windows", json!(outside.windows)),
        ("problem", json!(outside.failures.first())),
    ]
}

fn of_export(exported: &Exported) -> Own {
    if exported.answer == Answer::Unused(None) {
        return Vec::new();
    }
    let note = match &exported.answer {
        Answer::Unused(note) => note.as_ref(),
        Answer::Read { .. } | Answer::Failed(_) => None,
    };
    vec![
        ("pages", json!(exported.pass.pages)),
        ("received", json!(exported.pass.received)),
        ("repeated", json!(exported.pass.repeated)),
        ("rewalked", json!(exported.passes.saturating_sub(1))),
        ("note", json!(note)),
        ("problem", json!(exported.problem())),
    ]
}

fn of_lookups(departed: &Departed) -> Own {
    let lookups = |wanted: &dyn Fn(&LookedUp) -> bool| departed.looked_up.iter().filter(|user| wanted(user)).count();
    vec![
        ("users", json!(lookups(&|user| user.evidence.is_some()))),
        ("received", json!(departed.found)),
        ("waiting", json!(lookups(&|user| matches!(user.finding, Finding::NotAsked)))),
        ("problem", json!(departed.problem)),
    ]
}
