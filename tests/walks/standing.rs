//! What becomes of single users: access lost and regained, beside faults, and the look-up rotation.

use std::collections::BTreeSet;

use rollbook::simulator::{Population, Settings};
use rollbook::sync::WalkStatus;

use crate::support::{World, assert_invariants};

/// The keys of some people with access, whose names need no escape in a path.
fn people(site: &Population, count: usize) -> Vec<String> {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.');
    let people = site.users.values().filter(|user| site.has_access(user) && !user.serves() && plain(&user.name));
    people.take(count).map(|user| user.key.clone()).collect()
}

fn lose_access(site: &mut Population, key: &str) {
    site.leave(key, "confluence-users");
    site.leave(key, "confluence-administrators");
}

#[tokio::test]
async fn access_is_lost_and_regained_while_one_group_cannot_be_read() {
    let world = World::new(Settings { users: 80, seed: 11, ..Settings::default() }).await;
    let key = world.sim.with_population(|site| people(site, 1).remove(0));
    world.change(|site| site.join(&key, "everyone"));
    for fault in [None, Some("status=500@members/one-person-band"), Some("invalid-json@users:1")] {
        world.walk().await.unwrap();
        for round in 0..2 {
            world.sim.clear_faults();
            if let Some(fault) = fault.filter(|fault| fault.contains("members")) {
                world.sim.add_fault(fault.parse().unwrap());
            }
            world.change(|site| lose_access(site, &key));
            world.walk().await.unwrap();
            assert_eq!(world.status(&key).await, "no-access", "{fault:?}, round {round}");
            world.change(|site| site.join(&key, "confluence-users"));
            let report = world.walk().await.unwrap();
            assert_eq!(world.status(&key).await, "active", "{fault:?}, round {round}");
            let partial = fault.is_some_and(|fault| fault.contains("members"));
            assert_eq!(report.status == WalkStatus::Partial, partial, "{:?}", report.problems);
        }
    }
    world.sim.clear_faults();
    world.change(|_| ());
    world.walk().await.unwrap();
    world.mirror().await.assert_is(&world.truth(), "at the end");
    assert_invariants(&mut world.reader().await).await;
}

#[tokio::test]
async fn a_wave_beyond_the_budget_is_missing_until_its_turn_comes() {
    let mut world = World::new(Settings { users: 80, seed: 12, ..Settings::default() }).await;
    world.site.limits.lookups_per_walk = 6;
    world.walk().await.unwrap();
    let keys = world.change(|site| {
        let keys = people(site, 12);
        keys.iter().for_each(|key| site.leave_all(key));
        keys
    });
    world.sim.forget_requests();
    world.walk().await.unwrap();
    assert!(world.sim.requests().user_details <= 6);
    let mut missing = 0;
    for key in &keys {
        match world.status(key).await.as_str() {
            "missing" => missing += 1,
            status => assert_eq!(status, "no-access"),
        }
    }
    assert!((6..=10).contains(&missing), "{missing} wait");
    for _ in 0..6 {
        world.walk().await.unwrap();
    }
    for key in &keys {
        assert_eq!(world.status(key).await, "no-access");
    }
}

#[tokio::test]
async fn the_rotation_stays_within_its_budget_and_reaches_everybody() {
    let mut world = World::new(Settings { users: 80, seed: 13, ..Settings::default() }).await;
    world.walk().await.unwrap();
    let keys = world.change(|site| {
        let keys = people(site, 8);
        keys.iter().for_each(|key| site.leave_all(key));
        keys
    });
    world.walk().await.unwrap();
    let unlisted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM accounts WHERE unlisted_seen_at IS NOT NULL AND status <> 'deleted'")
            .fetch_one(&mut world.reader().await)
            .await
            .unwrap();
    world.site.limits.lookups_per_walk = 3;
    let mut asked = BTreeSet::new();
    for _ in 0..unlisted {
        world.sim.forget_requests();
        world.walk().await.unwrap();
        let requests = world.sim.requests();
        assert!(requests.user_details <= 3);
        asked.extend(requests.recent.into_iter().filter(|path| path.contains("getUserDetails")));
    }
    for key in &keys {
        let name = world.sim.with_population(|site| site.users[key].name.clone());
        assert!(asked.iter().any(|path| path.ends_with(&name)), "nobody asked for {name}: {asked:?}");
    }
    // What becomes of one of them later is found out in its turn.
    world.change(|site| site.delete(&keys[3]));
    for _ in 0..unlisted {
        world.walk().await.unwrap();
    }
    assert_eq!(world.status(&keys[3]).await, "deleted");
}

#[tokio::test]
async fn a_name_that_looks_like_a_record_boundary_is_a_name() {
    let world = World::new(Settings { users: 60, seed: 14, ..Settings::default() }).await;
    world.walk().await.unwrap();
    world.change(|site| {
        let keys = people(site, 3);
        site.users.get_mut(&keys[0]).unwrap().full_name = "a},{b".to_owned();
        site.users.get_mut(&keys[1]).unwrap().name = "a},{b\\\"".to_owned();
        site.users.get_mut(&keys[2]).unwrap().location = "}]".to_owned();
    });
    let report = world.walk().await.unwrap();
    assert_eq!(report.status, WalkStatus::Applied, "{:?}", report.problems);
    world.mirror().await.assert_is(&world.truth(), "names with braces");
}
