//! What a walk asked for and what it got, part by part: `walks.coverage`.

use serde_json::json;

use super::fetch::{Departed, Groups, Outside};
use super::members::{GroupReading, Reading};
use super::resolve::{Finding, LookedUp};
use super::users::UserListing;

/// Per part what was asked and received. Figures that are zero are left out: a walk's row is written at every walk.
pub(super) fn of(users: &UserListing, groups: &Groups, outside: &Outside, departed: &Departed) -> String {
    let (_, malformed) = users.roll.malformed();
    let names = |wanted: &dyn Fn(&GroupReading) -> bool| -> Vec<&str> {
        groups.readings.iter().filter(|group| wanted(group)).map(|group| group.name.as_str()).collect()
    };
    let read = |group: &&GroupReading| matches!(group.reading, Reading::Read | Reading::Unchanged);
    let lookups = |wanted: &dyn Fn(&LookedUp) -> bool| departed.looked_up.iter().filter(|user| wanted(user)).count();
    let parts = [
        (
            "users",
            vec![
                ("pages", json!(users.pass.pages)),
                ("received", json!(users.pass.received)),
                ("repeated", json!(users.pass.repeated)),
                ("rewalked", json!(users.passes - 1)),
                ("malformed", json!(malformed)),
            ],
        ),
        (
            "groups",
            vec![
                ("pages", json!(groups.pass.pages)),
                ("declared", json!(groups.pass.declared)),
                ("received", json!(groups.pass.received)),
                ("repeated", json!(groups.pass.repeated)),
            ],
        ),
        (
            "members",
            vec![
                ("read", json!(groups.readings.iter().filter(read).count())),
                ("repeated", json!(groups.readings.iter().map(|group| group.repeated).sum::<u64>())),
                ("unread", json!(names(&|group| group.failure().is_some()))),
                ("not_addressable", json!(names(&|group| group.reading == Reading::NotAddressable))),
            ],
        ),
        ("details", vec![("members", json!(outside.rows.len())), ("windows", json!(outside.windows))]),
        (
            "lookups",
            vec![
                ("asked", json!(lookups(&|user| user.evidence.is_some()))),
                ("waiting", json!(lookups(&|user| matches!(user.finding, Finding::NotAsked)))),
            ],
        ),
    ];
    let none = [json!(0), json!([]), serde_json::Value::Null];
    let told = |figures: Vec<(&'static str, serde_json::Value)>| -> serde_json::Map<String, serde_json::Value> {
        figures
            .into_iter()
            .filter(|(_, value)| !none.contains(value))
            .map(|(name, value)| (name.into(), value))
            .collect()
    };
    let parts: serde_json::Map<String, serde_json::Value> = parts
        .into_iter()
        .map(|(part, figures)| (part.to_owned(), told(figures)))
        .filter(|(_, figures)| !figures.is_empty())
        .map(|(part, figures)| (part, figures.into()))
        .collect();
    serde_json::Value::Object(parts).to_string()
}
