//! Names as they really are: blanks, signs, other alphabets, doubled, re-used; and odd places in a URL.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, deleted_alias};

use crate::support::World;

const ODD: &[&str] = &[
    "a b",
    " leading",
    "a#b",
    "a?b",
    "a@b.example",
    "a+b",
    "a%b",
    "100%25",
    "a&b=c",
    "a;b",
    "a,b",
    "a'b\"c",
    "a<b>c",
    "ÄÖÜ straße",
    "東京 チーム",
    "émoji 🦀",
    "{a}",
    "[a]",
    "~a!$*()",
    "a:b",
    "%2e",
    "%2F",
    "..a",
    "a..",
    "...",
    "x},{y",
    "x\"},{\"y",
    "ends with },{",
    "}]",
    "a\tb",
    "a\u{00a0}b",
    "null",
    "-a",
    "--help",
];

#[test]
fn groups_and_users_of_any_name() {
    let world = World::small().unguarded();
    let mut expected = Vec::new();
    world.change(|site| {
        for name in ODD {
            let key = site.add(&format!("user {name}"));
            site.users.get_mut(&key).unwrap().full_name = format!("Full {name}");
            site.join(&key, name);
            // Somebody whom the user list does not show: read with details, out of the group.
            let outsider = site.add(&format!("out {name}"));
            site.leave_all(&outsider);
            site.join(&outsider, name);
            for key in [key, outsider] {
                expected.push(format!("{name}|{key}|{}", site.users[&key].full_name));
            }
        }
    });
    expected.sort();
    world.sync().exits(0);
    assert_eq!(world.last_walk(), ("applied".to_owned(), String::new()));
    let members = |world: &World| -> Vec<String> {
        let rows = world.rows(
            "SELECT g.name, u.key, u.full_name FROM memberships m JOIN groups g ON g.id = m.group_id \
             JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL",
        );
        let mut rows: Vec<_> =
            rows.into_iter().filter(|row| ODD.contains(&row.rsplitn(3, '|').last().unwrap())).collect();
        rows.sort();
        rows
    };
    assert_eq!(members(&world), expected);
    let contents = world.database().contents(&["walks"]);
    world.sync().exits(0);
    assert_eq!(world.database().contents(&["walks"]), contents);

    // They can be looked up, too.
    world.change(|site| {
        for name in ODD {
            let key = site.find(&format!("user {name}")).unwrap().key.clone();
            site.leave_all(&key);
        }
    });
    world.sync().exits(0);
    let lost = world.one("SELECT count(*) FROM users WHERE name LIKE 'user %' AND status = 'no-access'");
    assert_eq!(lost, ODD.len().to_string());
    for name in ["a b", "東京 チーム", "--help", "a'b\"c"] {
        world.run(&["history", "group", "--", name]).exits(0);
        world.run(&["history", "user", "--", &format!("user {name}")]).exits(0).prints(&["lost access"]);
    }
}

#[test]
fn any_context_path() {
    for path in ["", "/confluence", "/a/b.c", "/wiki+plus"] {
        let world = World::with(Settings { users: 60, seed: 7, context_path: path.to_owned(), ..Settings::default() });
        world.sync().exits(0);
        let slash = format!("{}/", world.site.base_url());
        world.at(&slash).sync().exits(0);
    }
}

#[test]
fn names_that_differ_in_case_are_two_people() {
    let world = World::small();
    let keys = world.change(|site| {
        let keys = [site.add("Double.Name"), site.add("double.name")];
        for key in &keys {
            site.join(key, "team");
        }
        keys
    });
    world.sync().exits(0);
    let mut rows = world.rows("SELECT key FROM users WHERE lower(name) = 'double.name'");
    rows.sort();
    let mut keys = keys.to_vec();
    keys.sort();
    assert_eq!(rows, keys);
    let members = "SELECT count(*) FROM memberships m JOIN groups g ON g.id = m.group_id WHERE g.name = 'team'";
    assert_eq!(world.one(members), "2");
}

#[test]
fn a_newcomer_renamed_between_the_list_and_the_groups() {
    let world = World::small();
    world.sync().exits(0);
    let key = world.change(|site| site.add("ada.first"));
    let newcomer = key.clone();
    let rename = FaultKind::between(move |site| site.users.get_mut(&newcomer).unwrap().name = "ada.married".to_owned());
    world.site.add_fault(Fault::once(Target::at(Endpoint::GroupList), rename));
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT count(*), max(status) FROM users WHERE key = '{key}'")), "1|active");
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT name FROM users WHERE key = '{key}'")), "ada.married");
}

#[test]
fn a_rename_is_one_person_and_a_name_used_again_is_two() {
    let world = World::small();
    let old = world.change(|site| site.add("ada.first"));
    world.sync().exits(0);
    let new = world.change(|site| {
        site.users.get_mut(&old).unwrap().name = "ada.married".to_owned();
        site.add("ada.first")
    });
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT name, status FROM users WHERE key = '{old}'")), "ada.married|active");
    assert_eq!(world.one(&format!("SELECT name, status FROM users WHERE key = '{new}'")), "ada.first|active");
    let changes = format!(
        "SELECT c.kind, c.field, c.before, c.after FROM changes c JOIN users u ON u.id = c.user_id \
         WHERE c.walk_id = 2 AND u.key = '{old}'"
    );
    assert_eq!(world.rows(&changes), ["user.renamed|name|ada.first|ada.married"]);
    let history = format!(
        "SELECT h.name, h.valid_to IS NULL FROM user_history h JOIN users u ON u.id = h.user_id \
         WHERE u.key = '{old}' ORDER BY h.valid_from"
    );
    assert_eq!(world.rows(&history), ["ada.first|0", "ada.married|1"]);
    // Asked by the name, both are shown; by a key, the one.
    let told = world.run(&["history", "user", "ada.first", "--format", "json"]).exits(0).json();
    let mut keys: Vec<_> = told["matches"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
    keys.sort_by_key(|key| key.to_string());
    let mut expected = [old.clone(), new];
    expected.sort();
    assert_eq!(keys, expected);
    world.run(&["history", "user", &old]).exits(0).prints(&["once ada.first", "name: ada.first -> ada.married"]);
}

#[test]
fn a_name_used_again_after_a_deletion() {
    let world = World::small();
    let old = world.change(|site| site.add("ada.first"));
    world.sync().exits(0);
    let new = world.change(|site| {
        site.delete(&old);
        site.add("ada.first")
    });
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT name, status FROM users WHERE key = '{old}'")), "ada.first|deleted");
    assert_eq!(world.one(&format!("SELECT name, status FROM users WHERE key = '{new}'")), "ada.first|active");
    assert_ne!(deleted_alias(&old), world.one(&format!("SELECT full_name FROM users WHERE key = '{old}'")));
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    const ODD: &str = "team\u{1b}]0;pwned\u{7}\u{1b}[2J\r\n\u{9b}31m\u{202e}";
    let world = World::small().limit("retries", 1);
    let key = world.change(|site| {
        let key = site.add(&format!("user {ODD}"));
        site.users.get_mut(&key).unwrap().full_name = ODD.to_owned();
        site.join(&key, ODD);
        key
    });
    let harmless = |ran: crate::support::Ran, what: &str| {
        for said in [&ran.stdout, &ran.stderr] {
            let odd = said.chars().find(|&c| c.is_control() && c != '\n' || c == '\u{202e}');
            assert_eq!(odd, None, "{what}: {said:?}");
        }
    };
    harmless(world.run(&["sync", "--changes", "100000"]).exits(0), "sync");
    harmless(world.run(&["report", "users"]).exits(0), "report users");
    harmless(world.run(&["report", "memberships"]).exits(0), "report memberships");
    harmless(world.run(&["history", "user", &key]).exits(0), "history user");
    harmless(world.run(&["history", "group", ODD]).exits(0), "history group");
    harmless(world.run(&["history", "group", &format!("{ODD}?")]).exits(2), "an unknown group");
    harmless(world.run(&["walks", "show", "1", "--all"]).exits(0), "walks show");
    harmless(world.run(&["sql", "SELECT name, full_name FROM users"]).exits(0), "sql");
    let members = Target::at(Endpoint::GroupMembers).of(ODD);
    for (status, exit) in [(500, 3), (401, 77), (429, 69)] {
        world.site.add_fault(Fault::always(members.clone(), FaultKind::status(status)));
        harmless(world.run(&["sync", "-vv"]).exits(exit), "a group that fails");
        harmless(world.run(&["status"]), "status");
        harmless(world.run(&["walks", "list"]), "walks list");
        world.site.clear_faults();
    }
}
