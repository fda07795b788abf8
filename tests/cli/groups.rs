//! Groups that cannot be read: their members stay as they were, the rest of the walk is applied.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Population, Target};

use crate::support::{World, garbled};

/// A group of three whose members change between the two walks.
fn team(site: &mut Population) {
    for name in ["team.one", "team.two", "team.three"] {
        let key = site.add(name);
        site.join(&key, "team");
    }
}

const TEAM: &str = "SELECT u.name FROM memberships m JOIN groups g ON g.id = m.group_id AND g.name = 'team' \
    JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL ORDER BY 1";

fn odd_status(status: &'static str, rows: bool) -> FaultKind {
    FaultKind::rewrite(move |body| {
        let body = body.replace("\"status\":\"success\"", &format!("\"status\":\"{status}\""));
        let start = body.find("\"users\":[").unwrap() + "\"users\":[".len();
        let end = body.rfind(']').unwrap();
        if rows { body } else { format!("{}{}", &body[..start], &body[end..]).replace("\"total\":3", "\"total\":0") }
    })
}

#[test]
fn a_group_that_fails_keeps_its_members() {
    let faults = [
        FaultKind::status(500),
        FaultKind::status(403),
        FaultKind::status(404),
        FaultKind::status(400),
        garbled(),
        FaultKind::Truncate,
        odd_status("error", true),
        odd_status("Group could not be read", false),
        odd_status("internal failure", false),
        FaultKind::OldPlugin,
    ];
    for what in faults {
        let shown = format!("{what:?}");
        let world = World::small();
        world.change(team);
        world.sync().exits(0);
        assert_eq!(world.rows(TEAM), ["team.one", "team.three", "team.two"]);
        world.change(|site| {
            let key = site.find("team.one").unwrap().key.clone();
            site.leave(&key, "team");
            site.join(&key, "another team");
        });
        world.site.add_fault(Fault::always(Target::at(Endpoint::GroupMembers).of("team"), what));
        let ran = world.sync().exits(3);
        assert!(ran.stdout.contains("missing: ") && ran.stdout.contains("team"), "{shown}: {}", ran.stdout);
        assert_eq!(world.last_walk().0, "partial", "{shown}");
        assert_eq!(world.rows(TEAM), ["team.one", "team.three", "team.two"], "{shown}");
        let another = TEAM.replace("'team'", "'another team'");
        assert_eq!(world.rows(&another), ["team.one"], "{shown}: the rest is applied");
        world.run(&["status"]).exits(0).prints(&["problem", "team"]);
        world.site.clear_faults();
        world.sync().exits(0);
        assert_eq!(world.rows(TEAM), ["team.three", "team.two"], "{shown}");
    }
}

#[test]
fn a_new_group_that_fails_is_known_without_members() {
    let world = World::small();
    world.change(team);
    let failing = Target::at(Endpoint::GroupMembers).of("team");
    let world = world.fault(Fault::always(failing, FaultKind::status(500)));
    world.sync().exits(3);
    assert_eq!(world.one("SELECT count(*) FROM groups WHERE name = 'team'"), "1");
    assert_eq!(world.rows(TEAM), [""; 0]);
    world.site.clear_faults();
    world.sync().exits(0);
    assert_eq!(world.rows(TEAM).len(), 3);
    assert_eq!(world.one("SELECT count(*) FROM groups WHERE name = 'team'"), "1");
}

#[test]
fn every_group_failing_is_a_partial_walk() {
    let world = World::small();
    world.sync().exits(0);
    let members = "SELECT * FROM memberships ORDER BY 1, 2, 3";
    let before = world.rows(members);
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupMembers), FaultKind::status(500)));
    world.change(|site| site.add("somebody.new"));
    world.sync().exits(3);
    assert_eq!(world.rows(members), before);
    assert_eq!(world.one("SELECT status FROM users WHERE name = 'somebody.new'"), "active");
}

#[test]
fn releases_before_2_8_are_told_as_such() {
    let world = World::small().fault(Fault::always(Target::default(), FaultKind::OldPlugin));
    world.sync().exits(3).prints(&["before 2.8", "update the app"]);
    let (status, error) = world.last_walk();
    assert_eq!(status, "partial");
    assert!(error.contains("before 2.8"), "{error}");
    assert_eq!(world.one("SELECT count(*) > 40 FROM users"), "1", "the users are taken");
    assert_eq!(world.one("SELECT count(*) FROM memberships"), "0");
}

#[test]
fn a_slash_in_a_groups_name_is_no_failure() {
    let world = World::small();
    world.sync().exits(0).prints(&["ops/on-call"]);
    assert_eq!(world.last_walk(), ("applied".to_owned(), String::new()));
    assert_eq!(world.one("SELECT count(*) FROM groups WHERE name = 'ops/on-call' AND removed_at IS NULL"), "1");
    world.run(&["status"]).exits(0).prints(&["problem", "ops/on-call"]);
    let asked = world.site.requests().recent;
    assert!(!asked.iter().any(|path| path.contains("on-call")), "it was asked all the same");
}

#[test]
fn other_names_that_cannot_be_addressed_are_told_too() {
    for name in ["back\\slash", ".", ".."] {
        let world = World::small();
        world.change(|site| {
            let key = site.add("team.one");
            site.join(&key, name);
        });
        world.sync().exits(0).prints(&["not addressable", name]);
        assert_eq!(world.last_walk().0, "applied", "{name}");
        world.run(&["status"]).exits(0).prints(&[&format!("'{name}'")]);
    }
}

#[test]
fn a_slash_in_a_users_name_is_no_failure() {
    let world = World::small();
    let key = world.change(|site| site.add("acme/robot"));
    world.sync().exits(0);
    assert_eq!(world.one("SELECT key FROM users WHERE name = 'acme/robot'"), key);
    // No listing shows it any more, and nobody can be asked about that name.
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(world.last_walk().0, "applied");
    assert_eq!(world.one("SELECT status FROM users WHERE name = 'acme/robot'"), "missing");
    world.run(&["status"]).exits(0).prints(&["problem", "acme/robot"]);
    let asked = world.site.requests().recent;
    assert!(!asked.iter().any(|path| path.contains("robot")), "it was asked all the same");
}
