//! Faults in a seeded order, one or two in each walk: all but those that nobody could notice.

use rollbook::simulator::{Fault, OrganizationSettings};

use super::Site;
use crate::support::soak;

fn live(mut site: Site, seed: u64, walks: usize) {
    let mut faults = Fault::schedule_cloud(seed, walks * 8).into_iter().filter(|fault| !fault.is_believable());
    for nth in 0..walks {
        let struck: Vec<Fault> = faults.by_ref().take(1 + nth % 2).collect();
        let when = format!("seed {seed}, walk {nth}: {struck:?}");
        site.outlives(struck, &when);
        site.next(&when);
    }
}

#[test]
fn with_an_organization() {
    for seed in 1..=soak() {
        live(Site::organized(), seed, 12);
    }
}

#[test]
fn without_an_organization() {
    for seed in 1..=soak() {
        live(Site::new(None), 1000 + seed, 12);
    }
}

#[test]
fn with_retries_and_another_sites_people() {
    for seed in 1..=soak() {
        let organization =
            OrganizationSettings { product_access: true, other_sites: true, ..OrganizationSettings::default() };
        live(Site::new(Some(organization)).retrying(1), 2000 + seed, 8);
    }
}
