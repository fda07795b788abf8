//! A process that remembers the pages of its last walk writes what one that does not writes.

use rollbook::confluence::Memory;
use rollbook::simulator::{Fault, OrganizationSettings, Settings};
use rollbook::store::Store;
use rollbook::sync::{self, WalkOptions};

use super::evolution::stir;
use super::{Door, cloud, settings};
use crate::support::{assert_invariants, assert_same_content, content};

/// A site that evolves, with faults in every other walk, is mirrored by two.
async fn mirrored_twice(seed: u64) {
    let settings = settings(90, seed, Some(OrganizationSettings::default()));
    let mut world = cloud(Settings { page_cap: Some(20), ..settings }, Door::Site).await;
    // So that the same requests meet the same faults.
    world.site.limits.concurrency = 1;
    world.site.limits.batch_size = 20;
    let folder = tempfile::tempdir().unwrap();
    let other = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
    let memory = Memory::default();
    for number in 0..12 {
        let mut contents = Vec::new();
        for (store, memory) in [(&world.store, None), (&other, Some(&memory))] {
            if number % 2 == 1 {
                let faults = Fault::schedule_cloud(seed * 100 + number, 2);
                faults.into_iter().for_each(|fault| world.sim.add_fault(fault));
            }
            let options = WalkOptions { clock: &world.clock, seed: 1, progress: &|_| {}, memory };
            // It may fail: its row says why.
            let _ = sync::walk(&world.site, store, options).await;
            world.sim.clear_faults();
            let mut reader = store.reader().await.unwrap();
            assert_invariants(&mut reader).await;
            contents.push(content(&mut reader).await);
        }
        assert_same_content(&contents[1], &contents[0], &format!("seed {seed}, walk {}", number + 1));
        match number % 3 {
            // Many pages are as they were.
            0 => world.change(|_| ()),
            1 => world.change(|site| stir(site, number as usize)),
            _ => world.pass_days(9),
        }
    }
    assert!(!memory.is_empty());
}

#[tokio::test]
async fn what_is_remembered_of_pages_makes_no_difference() {
    for seed in 31..33 {
        mirrored_twice(seed).await;
    }
}
