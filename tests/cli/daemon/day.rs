//! A day of the service at a thousand times the speed, over the night in which summer time begins, while everything goes
//! wrong in turn: the loop is the real one, and so are the sites, the files and the threads.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rollbook::clock::Clock;
use rollbook::config::{Environment, LoadOptions, load};
use rollbook::daemon::{Service, Signal};
use rollbook::model::Timestamp;
use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target};
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::support::{World, always};

const FROM: &str = "2026-03-28T12:00:00Z";
const TIMES: u32 = 1_000;
/// An hour of this day.
const HOUR: Duration = Duration::from_millis(3_600);

fn fault(hour: u32) -> Option<Fault> {
    match hour % 8 {
        1 => Some(always(Endpoint::UserList, 503)),
        2 => Some(Fault::always(Target::at(Endpoint::UserList), FaultKind::Hang)),
        3 => Some(Fault::always(Target::at(Endpoint::GroupMembers).of("everyone"), FaultKind::status(500))),
        4 => Some(Fault::always(Target::at(Endpoint::UserList), FaultKind::EmptyList)),
        5 => Some(Fault::always(Target::at(Endpoint::GroupList), FaultKind::Truncate)),
        6 => Some(always(Endpoint::UserList, 401)),
        _ => None,
    }
}

/// Joiners, leavers and renames of an hour.
fn live(world: &World, hour: u32, rng: &mut ChaCha12Rng) {
    world.change(|site| {
        let key = site.add(&format!("joiner.{hour}"));
        site.join(&key, "confluence-users");
        site.join(&key, "everyone");
        let keys: Vec<String> = site.licensed().iter().map(|user| user.key.clone()).collect();
        let pick = |rng: &mut ChaCha12Rng| keys[rng.random_range(0..keys.len())].clone();
        let renamed = pick(rng);
        site.users.get_mut(&renamed).unwrap().name = format!("renamed.{hour}");
        let (leaver, mover) = (pick(rng), pick(rng));
        site.leave_all(&leaver);
        site.join(&mover, &format!("team {}", hour % 3));
    });
}

#[test]
fn a_day_with_everything_going_wrong() {
    let world = World::with(Settings { users: 60, seed: 7, ..Settings::default() }).unguarded();
    let world = world.limit("request_timeout", "\"300ms\"").limit("walk_deadline", "\"2s\"");
    let other = world.beside(Settings { users: 30, seed: 3, ..Settings::default() });
    let world = world.key("schedule", "\"0 */15 * * * *\"").key("timezone", "\"Europe/Berlin\"");
    let further = "[http]\nlisten = \"\"\n[housekeeping]\nschedule = \"0 30 2 * * *\"\n\
                   [backup]\npath = \"copies/{date}.db\"\nschedule = \"0 0 */6 * * *\"\nkeep = 1\n\
                   [[exports]]\nreport = \"users\"\nformat = \"csv\"\npath = \"out/{site}-{date}.csv\"\nschedule = \"0 30 * * * *\"\n";
    world.configure(&format!("{}\n{}\n{further}", world.site_table("corp"), world.table_of("other", &other)));

    let (signal, signals) = unbounded_channel();
    let (tick, ticks) = channel(1);
    let folder = world.folder.path().to_owned();
    let service = std::thread::spawn(move || {
        let clock = Clock::fast(Timestamp::parse_human(FROM).unwrap(), TIMES);
        let options = LoadOptions::new(Environment::default(), folder, clock.now());
        let config = load(&options).unwrap().config;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let loader = Box::new(move || load(&options));
            let service = Service::open(config, loader, clock, 7).await.unwrap();
            service.run(ticks, signals, std::future::pending()).await
        })
    });
    let ticker = std::thread::spawn(move || {
        while tick.blocking_send(()).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });

    let (begun, mut rng) = (Instant::now(), ChaCha12Rng::seed_from_u64(6));
    for hour in 0..24 {
        world.site.clear_faults();
        if let Some(fault) = fault(hour) {
            world.site.add_fault(fault);
        }
        live(&world, hour, &mut rng);
        // In the evening a mistake is written into the configuration, and mended.
        if hour == 7 || hour == 8 {
            let text = std::fs::read_to_string(world.path("rollbook.toml")).unwrap();
            let text = if hour == 7 { format!("nonsense\n{text}") } else { text.replace("nonsense\n", "") };
            world.configure(&text);
            signal.send(Signal::Reload).unwrap();
        }
        std::thread::sleep((HOUR * (hour + 1)).saturating_sub(begun.elapsed()));
        if hour % 6 == 5 {
            world.run(&["db", "verify"]).exits(0);
        }
    }
    world.site.clear_faults();
    // The last failure has rested, and two walks more have seen the site as it is.
    signal.send(Signal::Reload).unwrap();
    let newest: i64 = world.one("SELECT max(id) FROM walks").parse().unwrap();
    let corp = "walks WHERE site_id = (SELECT id FROM sites WHERE name = 'corp') AND status = 'applied'";
    super::until_rows(&world, &format!("{corp} AND id > {newest}"), 2);
    signal.send(Signal::Stop).unwrap();
    service.join().unwrap().unwrap();
    drop(ticker.join());

    world.run(&["db", "verify"]).exits(0);
    let known = world.rows(
        "SELECT u.key, u.name FROM users u JOIN sites s ON s.id = u.site_id WHERE s.name = 'corp' \
                            AND u.status = 'active' ORDER BY 1",
    );
    let mut truth: Vec<String> =
        world.change(|site| site.licensed().iter().map(|user| format!("{}|{}", user.key, user.name)).collect());
    truth.sort();
    assert_eq!(known, truth);
    // One walk a site at a time, whatever happened.
    let overlaps = "SELECT count(*) FROM walks a JOIN walks b ON a.site_id = b.site_id AND a.id < b.id \
                    WHERE b.started_at < a.finished_at OR a.finished_at IS NULL";
    assert_eq!(world.one(overlaps), "0");
    // A quarter of an hour is never walked twice but after a failure; the site that was well was walked as planned.
    let other = "FROM walks WHERE site_id = (SELECT id FROM sites WHERE name = 'other') AND status = 'applied'";
    let walked: i64 = world.one(&format!("SELECT count(*) {other}")).parse().unwrap();
    assert!((85..=110).contains(&walked), "{walked}");
    let twice = format!(
        "SELECT count(*) FROM (SELECT strftime('%s', started_at) / 900 AS quarter {other} GROUP BY 1 HAVING count(*) > 2)"
    );
    assert_eq!(world.one(&twice), "0");
    let statuses = world.rows("SELECT DISTINCT status FROM walks ORDER BY 1");
    assert_eq!(statuses, ["applied", "failed", "partial"]);
    let folder = world.folder.path().display();
    let jobs = world.rows(&format!("SELECT replace(job, '{folder}/', ''), outcome FROM jobs ORDER BY job"));
    assert_eq!(
        jobs,
        [
            "backup|done",
            "export:users:out/{site}-{date}.csv|done",
            "housekeeping|done",
            "walk:corp|applied",
            "walk:other|applied"
        ]
    );
    assert_eq!(std::fs::read_dir(world.path("copies")).unwrap().count(), 1);
}
