//! A database of an older release: it is opened, and nothing of it is lost.

use rollbook::simulator::Settings;
use rollbook::store::Store;

use crate::schema_1;
use crate::support::{World, assert_invariants, content_but_walks};

#[tokio::test]
async fn a_database_of_schema_version_1_keeps_its_history_and_its_listings() {
    let mut world = World::new(Settings { users: 120, seed: 21, page_cap: Some(50), ..Settings::default() }).await;
    let mut pictures = Vec::new();
    for _ in 0..5 {
        let report = world.walk().await.unwrap();
        pictures.push((report.finished_at, world.mirror().await));
        world.pass_days(25);
    }
    let report = world.walk().await.unwrap();
    pictures.push((report.finished_at, world.mirror().await));
    // Whom no listing shows is looked up, and told as it was: nothing is news from here on.
    let before = content_but_walks(&mut world.reader().await).await;

    let old = world.store.path().with_file_name("old.db");
    schema_1::write(world.store.path(), &old).await;
    world.store = Store::open(&old).await.unwrap();
    let mut reader = world.reader().await;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut reader).await.unwrap();
    assert!(version > 1);
    assert_eq!(content_but_walks(&mut reader).await, before);
    assert_invariants(&mut reader).await;
    for (at, picture) in &pictures {
        world.mirror_at(*at).await.assert_is(picture, &format!("as of {}", at.to_sql()));
    }
    let parts: Vec<(String, i64)> = sqlx::query_as("SELECT part, received FROM walk_coverage WHERE walk_id = 1")
        .fetch_all(&mut reader)
        .await
        .unwrap();
    assert!(parts.contains(&("users".to_owned(), 60)), "{parts:?}");

    world.sim.forget_requests();
    let report = world.walk().await.unwrap();
    assert_eq!(report.figures.changes, 0);
    assert_eq!(content_but_walks(&mut reader).await, before, "the site is as it was");
    world.pass_days(25);
    world.walk().await.unwrap();
    world.mirror().await.assert_is(&world.truth(), "after the migration");
    assert_invariants(&mut reader).await;
}
