//! The write-ahead log: it grows while somebody reads an old state, and does not stay large.

use std::fs;

use rollbook::simulator::Settings;
use sqlx::Connection;

use crate::support::{World, assert_invariants};

/// `journal_size_limit` of a writer.
const LIMIT: u64 = 64 << 20;

fn length(world: &World) -> u64 {
    let mut name = world.store.path().as_os_str().to_owned();
    name.push("-wal");
    fs::metadata(name).map_or(0, |log| log.len())
}

/// A site of which every walk writes something.
async fn walk_on(world: &World) {
    world.change(|site| {
        let key = site.add(&format!("joiner {}", site.users.len()));
        site.join(&key, "everyone");
    });
    world.walk().await.unwrap();
}

#[tokio::test]
async fn many_walks_leave_it_short() {
    let world = World::new(Settings { users: 40, seed: 31, ..Settings::default() }).await;
    world.walk().await.unwrap();
    // Somebody has the file open all the time: the log is not removed with the last connection.
    let mut reader = world.reader().await;
    let mut longest = 0;
    for _ in 0..200 {
        walk_on(&world).await;
        let _: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut reader).await.unwrap();
        longest = longest.max(length(&world));
    }
    let database = fs::metadata(world.store.path()).unwrap().len();
    assert!(longest < LIMIT && longest < 2 * database, "{longest} bytes beside {database}");
    assert_invariants(&mut reader).await;
}

#[tokio::test]
async fn a_reader_of_an_old_state_lets_it_grow_and_it_shrinks_afterwards() {
    let world = World::new(Settings { users: 40, seed: 32, ..Settings::default() }).await;
    world.walk().await.unwrap();
    let mut reader = world.reader().await;
    let count = "SELECT count(*) FROM users";
    let mut snapshot = reader.begin().await.unwrap();
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut *snapshot).await.unwrap();
    for _ in 0..30 {
        walk_on(&world).await;
    }
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *snapshot).await.unwrap(), before);
    snapshot.rollback().await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut reader).await.unwrap(), before + 30);
    // The end of the next walk carries all of it over, and those after it begin it anew.
    walk_on(&world).await;
    let longest = length(&world);
    for _ in 0..5 {
        walk_on(&world).await;
    }
    assert!(length(&world) <= longest, "{} bytes, {longest} while it was held", length(&world));
    reader.close().await.unwrap();
    walk_on(&world).await;
    assert_eq!(length(&world), 0, "nobody has the file open");
}
