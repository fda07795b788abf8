//! A walk of a Cloud site that is killed or interrupted, at any moment.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rollbook::simulator::{Endpoint, OrganizationSettings, Target};

use super::{CloudPicture, heals, settings, truth};
use crate::support::{Held, Ran, World, soak};

#[test]
fn killed_at_any_moment() {
    let mut rng = ChaCha12Rng::seed_from_u64(5);
    let world = World::cloud(settings(50, Some(OrganizationSettings::default()))).unguarded();
    let begun = Instant::now();
    heals(&world, "the first walk");
    let takes = begun.elapsed();
    let mut before = CloudPicture::of_mirror(&world, "corp");
    let mut in_time = 0;
    for round in 0..8 * soak() {
        world.change(|site| {
            site.advance_days(5);
            drop(site.add(&format!("joiner {round}")));
            site.look();
        });
        let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(takes.mul_f64(rng.random_range(0.0..0.9)).min(Duration::from_secs(5)));
        child.kill().unwrap();
        in_time += u32::from(child.wait().unwrap().code().is_none());
        world.is_sound();
        let now = CloudPicture::of_mirror(&world, "corp");
        assert!(now == before || now == truth(&world), "round {round}: neither the walk before nor this one");
        heals(&world, &format!("round {round}"));
        assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0");
        before = CloudPicture::of_mirror(&world, "corp");
    }
    assert!(in_time > 0, "every walk was faster than its kill");
}

#[test]
fn interrupted_wherever_it_is() {
    let world = World::cloud(settings(40, Some(OrganizationSettings::default())));
    heals(&world, "the first walk");
    for endpoint in
        [Endpoint::CloudSearch, Endpoint::CloudGroups, Endpoint::CloudMembers, Endpoint::UsersBulk, Endpoint::OrgUsers]
    {
        let contents = world.database().contents(&["walks"]);
        let walk = Held::start(&world, Target::at(endpoint));
        walk.signal("INT");
        walk.ran().exits(1).says(&["stopped by Ctrl-C", "nothing of this walk was written"]);
        assert_eq!(world.last_walk(), ("failed".to_owned(), "stopped by a signal".to_owned()), "{endpoint:?}");
        assert_eq!(world.database().contents(&["walks"]), contents, "{endpoint:?}");
    }
    heals(&world, "let alone");
}

#[test]
fn a_dry_run_tells_the_same_and_writes_nothing() {
    let world = World::cloud(settings(40, Some(OrganizationSettings::default())));
    let first = world.run(&["sync", "--dry-run", "--format", "json"]).exits(0);
    assert!(!world.file().exists());
    let feed = |ran: &Ran| ran.json()["sites"][0]["changes_by_kind"].as_object().expect("counts").clone();
    assert_eq!(feed(&first), feed(&world.run(&["sync", "--format", "json"]).exits(0)));
    world.change(|site| {
        site.advance_days(9);
        site.rename_group("everyone", "all");
    });
    let contents = world.database().contents(&[]);
    let dry = world.run(&["sync", "--dry-run", "--format", "json"]).exits(0);
    assert_eq!(world.database().contents(&[]), contents);
    assert_eq!(feed(&dry), feed(&world.run(&["sync", "--format", "json"]).exits(0)));
    heals(&world, "after the dry run");
}
