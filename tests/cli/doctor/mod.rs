//! `doctor`: what it asks, what it says, and how it ends.

mod cloud;
mod data_center;
mod machine;

use std::collections::BTreeSet;

use rollbook::clock::Clock;
use rollbook::model::Timestamp;
use serde_json::Value;

use crate::support::{Ran, World};

/// The document of a run, with the shape that programs rely on.
#[track_caller]
pub fn document(ran: &Ran) -> Value {
    let document = ran.json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&document), BTreeSet::from(["ok", "checks"].map(str::to_owned)));
    let checks = document["checks"].as_array().unwrap();
    for check in checks {
        let fields = ["site", "check", "verdict", "found", "remedy"];
        assert_eq!(keys(check), BTreeSet::from(fields.map(str::to_owned)), "{check}");
        let verdict = check["verdict"].as_str().unwrap();
        assert!(["ok", "warning", "failed", "skipped"].contains(&verdict), "{check}");
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
        assert_eq!(check["remedy"].is_string(), ["warning", "failed"].contains(&verdict), "{check}");
        assert_ne!(check["remedy"], "", "{check}");
    }
    assert_eq!(document["ok"], !checks.iter().any(|check| check["verdict"] == "failed"));
    document
}

/// Runs it; checks the exit code and the shape.
#[track_caller]
pub fn doctor(world: &World, exit: i32) -> Value {
    let ran = world.run(&["doctor", "--format", "json"]).exits(exit);
    assert_eq!(ran.stderr, "");
    document(&ran)
}

/// The checks of this name: the verdict and what was found.
#[track_caller]
pub fn found(document: &Value, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap().iter().filter(|check| check["check"] == name);
    checks.map(|check| (text(&check["verdict"]), text(&check["found"]))).collect()
}

/// Checks that there is one check of this name, with this verdict and these words.
#[track_caller]
pub fn says(document: &Value, name: &str, verdict: &str, words: &[&str]) {
    let found = found(document, name);
    assert_eq!(found.len(), 1, "{name}: {found:?} in {document:#}");
    let check = document["checks"].as_array().unwrap().iter().find(|check| check["check"] == name).unwrap();
    assert_eq!(found[0].0, verdict, "{check:#}");
    for word in words {
        let (found, remedy) = (check["found"].as_str().unwrap(), check["remedy"].as_str().unwrap_or_default());
        assert!(found.contains(word) || remedy.contains(word), "'{word}' is not in {check:#}");
    }
}

/// The names of the checks with this verdict, of a site or of the machine.
pub fn with(document: &Value, verdict: &str) -> BTreeSet<String> {
    let checks = document["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == verdict);
    checks.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
}

/// A configuration whose web server is off: a port of this machine is another test's business.
pub fn quiet(world: World) -> World {
    world.configure(&format!("[http]\nlisten = \"\"\n\n{}", world.site_table("corp")));
    world
}

pub fn now() -> Timestamp {
    Clock::System.now()
}

/// A time so many days from now.
pub fn days(days: i64) -> Timestamp {
    now().plus_millis(days * 86_400_000)
}
