//! A seeded site evolves, is walked, and is compared: as it is, and as it was at every walk.

use rollbook::simulator::{Settings, Simulator};
use rollbook::sync::WalkStatus;

use crate::support::{World, assert_invariants, content_but_walks};

async fn evolve(seed: u64, users: usize, page_cap: Option<usize>, walks: u32, days: u32) {
    let world = World::new(Settings { users, seed, page_cap, ..Settings::default() }).await;
    let mut pictures = Vec::new();
    for number in 1..=walks {
        let report = world.walk().await.unwrap();
        assert_eq!(report.status, WalkStatus::Applied, "walk {number}: {:?}", report.problems);
        let truth = world.truth();
        world.mirror().await.assert_is(&truth, &format!("seed {seed}, walk {number}"));
        pictures.push((report.finished_at, truth));
        world.pass_days(days);
    }
    let mut reader = world.reader().await;
    assert_invariants(&mut reader).await;
    for (number, (at, truth)) in pictures.iter().enumerate() {
        world.mirror_at(*at).await.assert_is(truth, &format!("seed {seed}, as of walk {}", number + 1));
    }
    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT kind FROM changes ORDER BY kind").fetch_all(&mut reader).await.unwrap();
    assert!(kinds.len() >= 10, "a site that lives shows most kinds of change: {kinds:?}");
}

#[tokio::test]
async fn seed_1_in_whole_pages() {
    evolve(1, 250, Some(1000), 24, 9).await;
}

#[tokio::test]
async fn seed_2_in_pages_of_fifty() {
    evolve(2, 250, Some(50), 24, 9).await;
}

#[tokio::test]
async fn seed_3_in_pages_of_seven() {
    evolve(3, 120, Some(7), 20, 14).await;
}

#[tokio::test]
async fn seed_4_in_pages_of_one() {
    evolve(4, 60, Some(1), 20, 21).await;
}

#[tokio::test]
async fn an_unchanged_walk_writes_its_row_and_nothing_else() {
    let world = World::new(Settings { users: 150, seed: 5, ..Settings::default() }).await;
    for _ in 0..3 {
        world.walk().await.unwrap();
        world.pass_days(20);
    }
    world.walk().await.unwrap();
    let mut reader = world.reader().await;
    let before = content_but_walks(&mut reader).await;
    world.sim.forget_requests();
    for _ in 0..2 {
        let report = world.walk().await.unwrap();
        assert_eq!(report.figures.changes, 0);
        assert_eq!(content_but_walks(&mut reader).await, before);
    }
    let unlisted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM accounts WHERE unlisted_seen_at IS NOT NULL AND status <> 'deleted'")
            .fetch_one(&mut reader)
            .await
            .unwrap();
    assert!(unlisted > 0, "the story has users whom no listing shows");
    let asked = world.sim.requests().user_details as i64;
    assert!(asked <= 2 * 2 * unlisted, "only the rotation looks single users up: {asked} for {unlisted}");
}

#[tokio::test]
async fn a_large_first_load_leaves_the_same_schema_and_sound_references() {
    let indexes = "SELECT name || sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
    let settings = Settings { users: 11_000, groups: 40, ..Settings::default() };
    let world = World::of(Simulator::start_bulk(settings).await.unwrap()).await;
    let before: Vec<String> = sqlx::query_scalar(indexes).fetch_all(&mut world.reader().await).await.unwrap();
    let report = world.walk().await.unwrap();
    assert!(report.diff.created.len() >= 10_000, "{} users", report.diff.created.len());
    let mut reader = world.reader().await;
    let after: Vec<String> = sqlx::query_scalar(indexes).fetch_all(&mut reader).await.unwrap();
    assert_eq!(after, before);
    assert_invariants(&mut reader).await;
    assert_eq!(world.walk().await.unwrap().figures.changes, 0);
}
