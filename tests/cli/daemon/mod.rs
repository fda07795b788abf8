//! The daemon: the real process, walking the simulated site, told what to do by signals and files.

mod chaos;
mod day;
mod jobs;
mod retention;
mod schedule;
mod signals;
mod webhooks;

use std::time::{Duration, Instant};

use crate::support::World;

/// The configuration of a world with another schedule and these further lines; no web server.
pub fn scheduled(world: World, schedule: &str, further: &str) -> World {
    let world = world.key("schedule", &format!("\"{schedule}\"")).key("jitter", "\"0s\"");
    let text = format!("{}\n[http]\nlisten = \"\"\n{further}", world.site_table("corp"));
    world.configure(&text);
    world
}

/// Waits until the database is there and a query answers this.
#[track_caller]
pub fn until(world: &World, sql: &str, answer: &[&str]) {
    let begun = Instant::now();
    // A file that is there is whole: it is moved into place.
    while !world.file().exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "there is no database");
        std::thread::sleep(Duration::from_millis(20));
    }
    world.until(sql, answer);
}

/// Waits until there are at least so many rows.
#[track_caller]
pub fn until_rows(world: &World, from: &str, least: i64) {
    until(world, &format!("SELECT count(*) >= {least} FROM {from}"), &["1"]);
}

/// A schedule that does not fire while a test runs.
pub const NEVER: &str = "0 0 0 1 1 *";
