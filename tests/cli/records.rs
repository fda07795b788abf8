//! Records that cannot be taken, and odd ones that can.

use rollbook::simulator::{Endpoint, FaultKind};

use crate::support::{World, rewritten};

/// Two walks with somebody new between them and `spoil` done to the record of `svc-backup` in the user list.
fn spoiled(spoil: impl Fn(&str) -> String + Send + 'static) -> (World, crate::support::Ran) {
    let world = World::small();
    world.change(|site| drop(site.add("canary.person")));
    world.sync().exits(0);
    world.change(|site| drop(site.add("somebody.new")));
    let world = world.fault(rewritten(Endpoint::UserList, move |body| change_record(&body, "canary.person", &spoil)));
    let ran = world.run(&["sync", "-vv"]);
    (world, ran)
}

/// Changes the record of one user in a page.
fn change_record(body: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let at = body.find(&format!("\"name\":\"{name}\"")).expect("the user is on the page");
    let start = body[..at].rfind("{\"business\"").expect("a record begins before its name");
    let end = body[at..].find("},{\"business\"").or_else(|| body[at..].find("}],\"status\"")).unwrap() + at + 1;
    format!("{}{}{}", &body[..start], change(&body[start..end]), &body[end..])
}

fn replaced(record: &str, field: &str, value: &str) -> String {
    let at = record.find(&format!("\"{field}\":")).unwrap() + field.len() + 3;
    let end = at + record[at..].find([',', '}']).unwrap();
    format!("{}{value}{}", &record[..at], &record[end..])
}

#[test]
fn a_malformed_record_is_told_by_field_and_place() {
    let cases: [(&str, &str, &str); 9] = [
        ("key", "null", "'key'"),
        ("key", "\"\"", "'key'"),
        ("key", "42", "'key'"),
        ("name", "{}", "'name'"),
        ("email", "[\"canary@example.com\"]", "'email'"),
        ("fullName", "{\"Canary\":\"Person\"}", "'fullName'"),
        ("createdDate", "\"Canary Person\"", "'createdDate'"),
        ("lastSuccessfulLoginDate", "9223372036854775807", "'lastSuccessfulLoginDate'"),
        ("hasAccessToUseConfluence", "\"Canary\"", "'hasAccessToUseConfluence'"),
    ];
    for (field, value, told) in cases {
        let (world, ran) = spoiled(move |record| replaced(record, field, value));
        let ran = ran.exits(3);
        assert!(ran.stdout.contains(told), "{field} = {value}: {}", ran.stdout);
        assert!(ran.stdout.contains("row "), "{field} = {value}: {}", ran.stdout);
        let missing: String = ran.stdout.lines().filter(|line| line.contains("missing:")).collect();
        for said in [missing, ran.stderr, world.last_walk().1] {
            assert!(!said.to_lowercase().contains("canary"), "personal data in: {said}");
        }
        assert_eq!(world.last_walk().0, "partial");
        assert_eq!(world.one("SELECT status FROM users WHERE name = 'canary.person'"), "active", "nobody is closed");
        assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'somebody.new'"), "1", "the rest is taken");
        let ended = "SELECT count(*) FROM changes WHERE kind IN ('member.removed', 'user.missing')";
        assert_eq!(world.one(ended), "0");
    }
}

#[test]
fn a_record_without_a_key_or_a_name() {
    for field in ["key", "name"] {
        let (world, ran) = spoiled(move |record| record.replace(&format!("\"{field}\":"), "\"other\":"));
        ran.exits(3).prints(&[&format!("'{field}': missing")]);
        assert_eq!(world.last_walk().0, "partial");
        assert_eq!(world.one("SELECT status FROM users WHERE name = 'canary.person'"), "active");
    }
}

#[test]
fn deep_and_huge_values_are_refused_without_a_panic() {
    let (_, ran) = spoiled(|record| replaced(record, "email", &"[".repeat(5000)));
    assert_ne!(ran.exit, 101, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for value in [deep, format!("\"{}\"", "x".repeat(1 << 20)), "\"\\ud800\"".to_owned()] {
        let (world, ran) = spoiled(move |record| replaced(record, "email", &value));
        assert!([3, 69].contains(&ran.exit), "{}: {}", ran.exit, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        assert_eq!(world.one("SELECT status FROM users WHERE name = 'canary.person'"), "active");
    }
}

#[test]
fn a_nul_in_a_field_does_not_hide_the_rest() {
    let (world, ran) = spoiled(|record| replaced(record, "fullName", "\"before\\u0000after\""));
    ran.exits(0);
    let row =
        world.one("SELECT full_name LIKE 'before%after', length(full_name) FROM users WHERE name = 'canary.person'");
    assert_eq!(row, "1|12");
}

#[test]
fn blank_shapes_of_business_and_personal() {
    for blank in ["[]", "null", "[{}]", "[null]", "{}"] {
        let (world, ran) = spoiled(move |record| {
            let (start, end) = (record.find("\"business\":").unwrap() + 11, record.find(",\"lastFailed").unwrap());
            format!("{}{blank}{}", &record[..start], &record[end..])
        });
        ran.exits(0);
        let row = world.one("SELECT department IS NULL, position IS NULL FROM users WHERE name = 'canary.person'");
        assert_eq!(row, "1|1", "{blank}");
    }
}

#[test]
fn several_objects_in_a_detail_list_are_one_record() {
    let (_, ran) = spoiled(|record| record.replace("\"business\":[{", "\"business\":[{\"location\":\"Here\"},{"));
    ran.exits(0);
}

#[test]
fn record_boundaries_inside_a_persons_text() {
    for text in ["x},{y", "x},{", "},{\\\"business\\\":", "}]", "\\\"},{\\\"", "a},{\\\"b\\\":[{"] {
        let (world, ran) = spoiled(move |record| replaced(record, "fullName", &format!("\"{text}\"")));
        ran.exits(0);
        let name = world.one("SELECT full_name FROM users WHERE name = 'canary.person'");
        assert_eq!(name, text.replace('\\', ""));
    }
}

#[test]
fn the_same_user_twice_is_one_row() {
    let world = World::small();
    world.change(|site| drop(site.add("canary.person")));
    let world = world.fault(rewritten(Endpoint::UserList, |body| {
        change_record(&body, "canary.person", |record| format!("{record},{record}"))
    }));
    let ran = world.sync();
    assert!([0, 3].contains(&ran.exit), "{}: {}", ran.exit, ran.stderr);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'canary.person'"), "1");
}

#[test]
fn a_list_of_nothing_but_unreadable_records_is_no_empty_list() {
    let world = World::small();
    world.sync().exits(0);
    let contents = world.database().contents(&["walks", "listings", "group_fingerprints"]);
    let world = world.fault(rewritten(Endpoint::UserList, |body| body.replace("\"key\":", "\"userKey\":")));
    let ran = world.sync();
    assert!([3, 69].contains(&ran.exit), "{}: {}", ran.exit, ran.stderr);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("'key': missing") && !told.contains("empty"), "{told}");
    assert_eq!(world.database().contents(&["walks", "listings", "group_fingerprints"]), contents);
}

#[test]
fn pretty_printed_json_and_another_key_order() {
    let plain = World::small();
    plain.sync().exits(0);
    let people = "SELECT key, name, full_name, email, department, last_login_at FROM users ORDER BY key";
    let expected = plain.rows(people);
    let pretty = |body: String| {
        // The parsed document sorts its keys.
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        serde_json::to_string_pretty(&document).unwrap()
    };
    plain.sync().exits(0);
    let everything = plain.database().contents(&["walks", "listings", "group_fingerprints"]);
    let plain = plain.fault(rollbook::simulator::Fault::always(Default::default(), FaultKind::rewrite(pretty)));
    plain.sync().exits(0);
    assert_eq!(plain.rows(people), expected);
    assert_eq!(
        plain.database().contents(&["walks", "listings", "group_fingerprints"]),
        everything,
        "the same facts, spelled otherwise"
    );
}
