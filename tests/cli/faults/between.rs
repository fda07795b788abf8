//! The site changes while User Export's list is read: nobody is lost, nobody who stands is closed.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Population, Target};

use super::{Export, Site};

type Change = fn(&mut Population);

fn insert_first(site: &mut Population) {
    site.add("0.first");
}

fn delete_first(site: &mut Population) {
    let key = site.find("b.leaver.0").unwrap().key.clone();
    site.delete(&key);
}

fn delete_several(site: &mut Population) {
    let first: Vec<String> =
        site.licensed().iter().filter(|user| !user.serves()).take(7).map(|u| u.key.clone()).collect();
    first.iter().for_each(|key| site.delete(key));
}

fn rename_first_to_last(site: &mut Population) {
    let key = site.licensed()[0].key.clone();
    site.users.get_mut(&key).unwrap().name = "zz.renamed".to_owned();
}

const CHANGES: [(&str, Change); 4] = [
    ("somebody is inserted", insert_first),
    ("somebody is deleted", delete_first),
    ("more are deleted than the pages share", delete_several),
    ("somebody is renamed", rename_first_to_last),
];

#[test]
fn two_pages_of_user_export() {
    for (what, change) in CHANGES {
        let mut site = Site::new(Export::On).in_flight(1);
        site.world = site.world.unguarded();
        let before = site.mirror();
        let target = Target::at(Endpoint::UserExportSearch).from(2);
        site.world.site.add_fault(Fault::once(target, FaultKind::between(change)));
        let ran = site.world.sync();
        assert!([0, 3].contains(&ran.exit), "{what}: {}{}", ran.stdout, ran.stderr);
        site.world.change(Population::look);
        let (during, after) = (site.mirror(), site.truth());
        for (key, user) in &after.users {
            if before.users.contains_key(key) && user["status"] == "active" {
                assert_eq!(during.users[key]["status"], "active", "{what}: user {key} stood throughout");
                assert_eq!(during.users[key]["active"], "1", "{what}: user {key} stood throughout");
            }
        }
        site.is_sound(what);
        site.heals(what);
    }
}
