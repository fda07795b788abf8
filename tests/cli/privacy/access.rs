//! The addresses that are asked about stand in the result, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rollbook::simulator::{CloudSettings, Settings};

use super::every_fault::{KINDS, LATE, fails, files_are_discreet, is_discreet, log_format};
use crate::support::World;

const ASKED: [&str; 3] = ["access", "check", "canary.argument@example.org"];
const FILE: [&str; 2] = ["--file", "out.list"];
const ANSWER: &str =
    "email,access\r\ncanary.argument@example.org,no\r\ncanary.list@example.org,yes\r\ncanary,invalid\r\n";

fn canaries(cloud: CloudSettings) -> World {
    let settings = Settings {
        users: 20,
        seed: 7,
        password: "canary-password".to_owned(),
        token: "canary-token".to_owned(),
        cloud: Some(cloud),
        ..Settings::cloud()
    };
    let world = World::with(settings).limit("request_timeout", "\"1s\"").limit("retries", 1);
    world.change(|site| {
        let key = site.add("canary");
        site.users.get_mut(&key).unwrap().email = "canary.list@example.org".to_owned();
    });
    fs::write(world.path("out.list"), "canary.list@example.org\ncanary\nCanary.Argument@example.org\n").unwrap();
    fs::set_permissions(world.path("out.list"), fs::Permissions::from_mode(0o600)).unwrap();
    world
}

#[test]
fn a_check_of_access_at_every_fault() {
    let world = canaries(CloudSettings::default());
    let mut failed = 0;
    for (nth, kind) in ["slow=0"].iter().chain(&KINDS).chain(&LATE).enumerate() {
        let fault = format!("{kind}@access-check");
        world.site.add_fault(fault.parse().unwrap());
        let talk = ["-vvv", "--log-format", log_format(nth)];
        let ran = world.run(&[&talk[..], &ASKED, &FILE, &["--format", "csv"]].concat());
        world.site.clear_faults();
        failed += usize::from(ran.exit != 0);
        is_discreet(&ran.stderr, &fault);
        // All of the truth, or nothing.
        assert_eq!(ran.stdout, if ran.exit == 0 { ANSWER } else { "" }, "{fault}: {}", ran.stderr);
        files_are_discreet(&world, &fault);
    }
    assert!(failed > KINDS.len() / 3, "{failed} failed");
    assert_eq!(world.site.requests().access_invite, 0);
}

#[test]
fn a_check_of_access_that_fails() {
    let off = canaries(CloudSettings { access_api: false, ..CloudSettings::default() });
    fails(&off, &ASKED);
    fails(&off, &[&ASKED[..], &FILE].concat());
    let world = canaries(CloudSettings::default());
    fails(&world, &[&ASKED[..], &["--output", "nowhere/out.csv"]].concat());
    fails(&world, &[&ASKED[..], &["--site", "nowhere"]].concat());
    fails(&world, &[&ASKED[..], &["--file", "absent"]].concat());
    fails(&world, &[&ASKED[..], &["--format", "doc"]].concat());
    fails(&world, &[&ASKED[..], &["--no-such-option"]].concat());
    fs::write(world.path("out.list"), b"canary\xff@example.org").unwrap();
    fails(&world, &[&ASKED[..], &FILE].concat());
    let wrong = canaries(CloudSettings::default()).credentials("username = \"a@b.c\"\npassword = \"canary-other\"");
    fails(&wrong, &ASKED);
    let gateway = wrong.site.gateway_url().to_owned();
    fails(&wrong.at(&gateway), &ASKED);
}
