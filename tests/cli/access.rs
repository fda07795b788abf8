//! Who may use a Cloud site, by e-mail address.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use rollbook::simulator::{CloudSettings, Endpoint, Settings, TokenKind};
use serde_json::json;

use crate::support::{Ran, World, always};

fn world() -> World {
    let world = World::small_cloud(CloudSettings::default()).limit("retries", 3);
    world.change(|site| {
        site.add("ann");
        for (name, email) in [("ann", "Ann@example.com"), ("audit", "=audit@example.com")] {
            let key = site.find(name).unwrap().key.clone();
            site.users.get_mut(&key).unwrap().email = email.to_owned();
        }
    });
    world
}

fn check<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["access", "check"], more].concat()
}

/// Runs with something on standard input.
fn fed(world: &World, arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = world.command(arguments);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ran::of_child(child)
}

#[test]
fn every_address_is_told_in_the_order_asked() {
    let world = world();
    let emails = ["nobody@example.org", "ANN@example.com", "nonsense", " ann@Example.com", "=audit@example.com"];
    let ran = world.run(&check(&[&emails[..], &["--format", "csv"]].concat())).exits(0);
    assert_eq!(
        ran.stdout,
        "email,access\r\nnobody@example.org,no\r\nANN@example.com,yes\r\nnonsense,invalid\r\n'=audit@example.com,yes\r\n"
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(world.site.requests().total(), 1);
    assert!(!world.file().exists(), "no database is needed");

    let raw = world.run(&check(&["=audit@example.com", "--format", "csv", "--raw"])).exits(0);
    assert_eq!(raw.stdout, "email,access\r\n=audit@example.com,yes\r\n");
    let document = world.run(&check(&["ann@example.com", "nonsense", "--format", "json"])).exits(0).json();
    let rows = json!([{ "email": "ann@example.com", "access": "yes" }, { "email": "nonsense", "access": "invalid" }]);
    assert_eq!(document, json!({ "site": "corp", "checked": 2, "rows": rows }));
    let lines = world.run(&check(&["ann@example.com", "x@example.org", "--format", "ndjson"])).exits(0).stdout;
    assert_eq!(
        lines,
        "{\"email\":\"ann@example.com\",\"access\":\"yes\"}\n{\"email\":\"x@example.org\",\"access\":\"no\"}\n"
    );
    world.run(&check(&["x@example.org"])).exits(0).prints(&["email", "access", "x@example.org"]);
    let ran = world.run(&check(&["ann@example.com", "--format", "csv", "--output", "out.csv"])).exits(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(fs::read_to_string(world.path("out.csv")).unwrap(), "email,access\r\nann@example.com,yes\r\n");
    assert_eq!(world.site.requests().access_invite, 0);
}

#[test]
fn a_file_and_standard_input() {
    let world = world();
    let list = "\u{feff}# staff\r\nann@example.com\r\n\r\n  b@example.org  \r\n#c@example.org\r\nANN@EXAMPLE.COM";
    fs::write(world.path("staff.txt"), list).unwrap();
    let expected = "email,access\r\na@example.org,no\r\nann@example.com,yes\r\nb@example.org,no\r\n";
    let arguments = |file| check(&["--file", file, "a@example.org", "--format", "csv"]);
    assert_eq!(world.run(&arguments("staff.txt")).exits(0).stdout, expected);
    assert_eq!(fed(&world, &arguments("-"), list.as_bytes()).exits(0).stdout, expected);
    assert_eq!(world.site.requests().access_check, 2);
}

#[test]
fn a_request_has_a_hundred_addresses() {
    let world = world();
    let list: Vec<String> = (0..250).map(|n| format!("n{n}@example.org")).collect();
    // All of them twice.
    let input = [list.join("\n"), list.join("\n").to_uppercase()].join("\n");
    let ran = fed(&world, &check(&["--file", "-", "--format", "json"]), input.as_bytes()).exits(0);
    let document = ran.json();
    assert_eq!(document["checked"], 250);
    let told: Vec<&str> =
        document["rows"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap()).collect();
    assert_eq!(told, list);
    let requests = world.site.requests();
    assert_eq!((requests.access_check, requests.total()), (3, 3));

    // What is not known of all is not told of some.
    world.site.add_fault("status=500@access-check:2+".parse().unwrap());
    let ran = fed(&world, &check(&["--file", "-"]), input.as_bytes()).exits(69).says(&["corp", "(100 addresses)"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn wrong_calls() {
    let world = world();
    fs::write(world.path("empty"), "# nobody\n\n").unwrap();
    fs::write(world.path("odd"), b"\xff\xfea\0@\0").unwrap();
    for (arguments, words) in [
        (&[][..], &["--file"][..]),
        (&[" "], &["no address"]),
        (&["--file", "empty"], &["no address"]),
        (&["--file", "absent"], &["absent cannot be read"]),
        (&["--file", "odd"], &["UTF-8"]),
        (&["--file", "."], &["cannot be read"]),
        (&["a@example.org", "--site", "nowhere"], &["no site 'nowhere'", "corp"]),
        (&["a@example.org", "--format", "doc"], &["doc"]),
    ] {
        let ran = world.run(&check(arguments)).exits(2).says(words);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    let asked = ["access", "check", "a@example.org"];
    let at = |site| check(&["a@example.org", "--site", site]);
    let center = world.site_table("dc").replace("\"cloud\"", "\"data-center\"");
    world.configure(&(world.site_table("corp") + &center));
    world.run(&asked).exits(0);
    world.run(&at("dc")).exits(2).says(&["'dc' is a Data Center", "corp"]);
    world.configure(&(world.site_table("corp") + &world.site_table("other") + &center));
    world.run(&asked).exits(2).says(&["--site", "corp, other"]);
    world.run(&at("other")).exits(0);
    world.configure(&center);
    world.run(&asked).exits(2).says(&["no site of kind cloud", "dc"]);
    world.run(&at("dc")).exits(2).says(&["'dc' is a Data Center"]);
    world.configure("");
    world.run(&asked).exits(2).says(&["no site"]);
    fs::remove_file(world.path("rollbook.toml")).unwrap();
    world.run(&asked).exits(78);
    assert_eq!(world.site.requests().total(), 2);
}

#[test]
fn what_the_site_refuses() {
    let asked = check(&["a@example.org"]);
    for (status, exit, words) in [
        (401, 77, ["401", "token"]),
        (403, 77, ["403", "read:configuration:confluence"]),
        (404, 77, ["404", "lacks the right"]),
        (400, 69, ["400", "(1 addresses)"]),
    ] {
        let world = world().fault(always(Endpoint::AccessCheck, status));
        let ran = world.run(&asked).exits(exit).says(&words).says(&["site corp", "POST api/v2/user/access"]);
        assert_eq!((ran.stdout.as_str(), world.site.requests().total()), ("", 1), "{status}");
    }
    let stranger = World::with(Settings { users: 20, administrator: false, ..Settings::cloud() });
    stranger.run(&asked).exits(77).says(&["404", "can use"]);
    world().credentials("username = \"audit@example.com\"\npassword = \"wrong\"").run(&asked).exits(77).says(&["401"]);
    world().at("http://127.0.0.1:9/wiki").limit("retries", 0).run(&asked).exits(69).says(&["not reachable"]);
}

#[test]
fn a_site_that_has_switched_it_off() {
    let asked = check(&["a@example.org"]);
    let world =
        World::small_cloud(CloudSettings { access_api: false, ..CloudSettings::default() }).limit("retries", 10);
    world.run(&asked).exits(69).says(&["503", "its administrators have not enabled it, or the site is out of service"]);
    assert_eq!(world.site.requests().total(), 2, "as often as a busy site deserves");

    // One that asks for a moment.
    let world = self::world().limit("retries", 10);
    world.site.add_fault("status=503;Retry-After=1@access-check:1".parse().unwrap());
    world.run(&asked).exits(0);
    world.site.forget_requests();
    world.site.add_fault("status=503;Retry-After=0@access-check".parse().unwrap());
    world.run(&asked).exits(69).says(&["not enabled"]);
    assert_eq!(world.site.requests().total(), 2);
}

#[test]
fn through_the_gateway() {
    let cloud = CloudSettings { gateway_token: TokenKind::OAuth, ..CloudSettings::default() };
    let world = World::small_cloud(cloud).credentials("token = \"audit-token\"");
    let gateway = world.site.gateway_url().to_owned();
    let world = world.at(&gateway);
    world.run(&check(&["audit@example.com"])).exits(0).prints(&["yes"]);
    let world = world.credentials("token = \"expired\"");
    world.run(&check(&["audit@example.com"])).exits(77).says(&["401", "read:configuration:confluence"]);
}

#[test]
fn a_reader_that_has_seen_enough() {
    let world = world();
    let list: String = (0..9000).map(|n| format!("somebody.with.a.long.name.{n}@example.org\n")).collect();
    fs::write(world.path("list"), list).unwrap();
    for format in ["table", "csv", "json", "ndjson"] {
        let mut command = world.command(&check(&["--file", "list", "--format", format]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_exact(&mut [0]).unwrap();
        drop(pipe);
        let ran = Ran::of_child(child).exits(0);
        assert_eq!(ran.stderr, "", "{format}");
    }
}
