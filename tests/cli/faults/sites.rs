//! One site's fault leaves the others alone, and the most serious outcome counts.

use rollbook::simulator::{Fault, Settings, Simulator};

use crate::support::World;

/// A site of its own, with one fault that is always there.
fn beside(world: &World, fault: &str) -> Simulator {
    let settings = Settings { users: 30, seed: 11, ..Settings::default() };
    let site = world.beside(settings);
    if !fault.is_empty() {
        site.add_fault(fault.parse::<Fault>().unwrap());
    }
    site
}

#[test]
fn the_most_serious_outcome_counts_and_the_others_go_on() {
    let faults = [
        ("partial", "status=500@members/everyone", "partial", 3),
        ("down", "reset@users", "failed", 69),
        ("refused", "unauthorized=AUTHENTICATED_FAILED@groups", "failed", 77),
    ];
    for chosen in [&faults[..1], &faults[..2], &faults[..], &faults[1..], &[faults[2], faults[0]]] {
        let world = World::small().key("user_export", "\"off\"").limit("page_size", 12);
        let mut text = String::new();
        // The healthy ones first and last.
        let sites: Vec<_> = chosen.iter().map(|fault| (fault, beside(&world, fault.1))).collect();
        for ((id, ..), site) in &sites {
            text += &world.table_of(id, site);
            text.push('\n');
        }
        let (first, last) = (beside(&world, ""), beside(&world, ""));
        for (id, site) in [("aaa", &first), ("zzz", &last)] {
            text += &world.table_of(id, site);
            text.push('\n');
        }
        world.configure(&text);
        let worst = chosen.iter().map(|fault| fault.3).max().unwrap();
        world.sync().exits(worst);
        let status = |id: &str| {
            world.one(&format!("SELECT w.status FROM walks w JOIN sites s ON s.id = w.site_id WHERE s.name = '{id}'"))
        };
        for id in ["aaa", "zzz"] {
            assert_eq!(status(id), "applied", "{id} beside {chosen:?}");
        }
        for (id, _, expected, _) in chosen {
            assert_eq!(status(id), *expected, "{chosen:?}");
        }
        world.run(&["db", "verify"]).exits(0);
        sites.iter().for_each(|(_, site)| site.clear_faults());
        world.sync().exits(0);
        world.run(&["db", "verify"]).exits(0);
    }
}
