//! Lists that come whole, with 200s, and would take an implausible share of the site away: held, until a person decides
//! or the site is itself again.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};
use serde_json::{Value, json};

use super::{Export, Site};
use crate::support::Picture;

/// A change to the rows of every page of a list.
fn rows(endpoint: Endpoint, mut change: impl FnMut(&mut Vec<Value>) + Send + 'static) -> Fault {
    let bent = FaultKind::rewrite(move |body| {
        let mut page: Value = serde_json::from_str(&body).unwrap();
        change(page["users"].as_array_mut().unwrap());
        page.to_string()
    });
    Fault::always(Target::at(endpoint), bent)
}

/// What the guard is for, and where.
fn implausible() -> Vec<(&'static str, Export, Vec<Fault>)> {
    let emptied =
        |field: &'static str| move |rows: &mut Vec<Value>| rows.iter_mut().for_each(|row| row[field] = json!(""));
    vec![
        ("every e-mail is empty", Export::Off, vec![rows(Endpoint::UserList, emptied("email"))]),
        ("every e-mail is empty", Export::On, vec![rows(Endpoint::UserList, emptied("email"))]),
        ("every full name is empty", Export::Off, vec![rows(Endpoint::UserList, emptied("fullName"))]),
        ("every directory is empty", Export::On, vec![rows(Endpoint::UserExportSearch, emptied("directoryName"))]),
        (
            "everybody is inactive",
            Export::On,
            vec![rows(Endpoint::UserExportSearch, |rows| rows.iter_mut().for_each(|row| row["active"] = json!(false)))],
        ),
        (
            "nobody has access",
            Export::Off,
            vec![rows(Endpoint::UserList, |rows| {
                rows.iter_mut().for_each(|row| row["hasAccessToUseConfluence"] = json!(false));
            })],
        ),
        (
            "every group is empty",
            Export::Off,
            vec![Fault::always(Target::at(Endpoint::GroupMembers), FaultKind::EmptyList)],
        ),
    ]
}

/// Nothing that stood is taken away: users, their fields, memberships.
#[track_caller]
fn nothing_taken(mirror: &Picture, before: &Picture, when: &str) {
    for (key, was) in &before.users {
        // Whether somebody without access is disabled besides is no loss.
        let standing = ["status", "active", "has_access"];
        let kept = |field: &str| was["status"] == "active" || !standing.contains(&field);
        for (field, value) in was.iter().filter(|(field, value)| !value.is_empty() && kept(field)) {
            let now = &mirror.users[key][field];
            assert_eq!(now, value, "{when}: {field} of {key}");
        }
    }
    assert!(mirror.members.is_superset(&before.members), "{when}: memberships ended");
    assert!(mirror.groups.is_superset(&before.groups), "{when}: groups ended");
}

#[test]
fn is_held_and_dissolves_when_the_site_is_itself_again() {
    for (what, export, faults) in implausible() {
        let site = Site::new(export);
        let before = site.mirror();
        faults.into_iter().for_each(|fault| site.world.site.add_fault(fault));
        for walk in 1..=2 {
            let when = format!("{what}, walk {walk}, User Export {export:?}");
            let ran = site.world.sync();
            assert_eq!(ran.exit, 4, "{when}: {}{}", ran.stdout, ran.stderr);
            assert_eq!(site.world.last_walk().0, "held", "{when}");
            nothing_taken(&site.mirror(), &before, &when);
            site.is_sound(&when);
        }
        site.world.run(&["status"]).exits(4);
        let held = "SELECT group_concat(status, ' ') FROM (SELECT status FROM walks ORDER BY id DESC LIMIT 2)";
        assert_eq!(site.world.one(held), "held superseded", "{what}");
        site.heals(what);
        assert_eq!(site.world.one("SELECT count(*) FROM walks WHERE status = 'held'"), "0", "{what}");
        site.world.run(&["status"]).exits(0);
        nothing_taken(&site.mirror(), &before, what);
    }
}

#[test]
fn is_dropped_or_applied_by_a_person() {
    // A third of the people leave, with 200s.
    let leave = |site: &Site| {
        site.world.change(|site| {
            for nth in 0..14 {
                let key = site.add(&format!("h.many.{nth}"));
                site.join(&key, "everyone");
            }
            site.look();
        });
        site.heals("many come");
        site.world.change(|site| {
            for nth in 0..14 {
                let key = site.find(&format!("h.many.{nth}")).unwrap().key.clone();
                site.leave_all(&key);
            }
            site.look();
        });
    };
    for export in [Export::Off, Export::On] {
        let site = Site::new(export);
        leave(&site);
        let before = site.mirror();
        site.world.sync().exits(4);
        nothing_taken(&site.mirror(), &before, "held");
        let id = || site.world.one("SELECT max(id) FROM walks");
        site.world.run(&["walks", "reject", &id(), "--reason", "a test"]).exits(0);
        nothing_taken(&site.mirror(), &before, "rejected");
        site.is_sound("rejected");
        assert_eq!(site.world.last_walk().0, "rejected");
        site.world.sync().exits(4);
        let held = id();
        // A walk that fails leaves the hold as it is.
        site.world.site.add_fault(site.fault("reset@users"));
        site.world.sync().exits(69);
        assert_eq!(site.world.one(&format!("SELECT status FROM walks WHERE id = {held}")), "held");
        site.world.site.clear_faults();
        site.world.run(&["walks", "approve", &held]).exits(0);
        site.mirror().assert_is(&site.truth(), "approved");
        site.is_sound("approved");
        site.heals("approved");
        assert_eq!(site.world.one("SELECT changes FROM walks ORDER BY id DESC LIMIT 1"), "0");
    }
}
