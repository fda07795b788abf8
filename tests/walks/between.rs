//! The site changes between two pages of one walk: nobody is lost, nobody is wrongly ended.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Population, Settings, Target};

use crate::support::{World, assert_invariants};

type Change = fn(&mut Population);

fn nth_listed(site: &Population, nth: usize) -> String {
    let mut listed: Vec<_> = site.users.values().filter(|user| site.has_access(user) && !user.serves()).collect();
    listed.sort_by_key(|user| user.name.to_lowercase());
    listed[nth % listed.len()].key.clone()
}

fn insert_first(site: &mut Population) {
    let key = site.add("0-first");
    site.join(&key, "confluence-users");
}

fn insert_last(site: &mut Population) {
    let key = site.add("zz-last");
    site.join(&key, "confluence-users");
}

fn delete_first(site: &mut Population) {
    let key = nth_listed(site, 0);
    site.delete(&key);
}

fn delete_middle(site: &mut Population) {
    let key = nth_listed(site, 12);
    site.delete(&key);
}

fn rename_first_to_last(site: &mut Population) {
    let key = nth_listed(site, 0);
    site.users.get_mut(&key).unwrap().name = "zz-renamed".to_owned();
}

fn rename_last_to_first(site: &mut Population) {
    let listed: Vec<_> = site.users.values().filter(|user| site.has_access(user) && !user.serves()).collect();
    let key = listed.iter().max_by_key(|user| user.name.to_lowercase()).unwrap().key.clone();
    site.users.get_mut(&key).unwrap().name = "0-renamed".to_owned();
}

const CHANGES: [(&str, Change); 6] = [
    ("insert first", insert_first),
    ("insert last", insert_last),
    ("delete first", delete_first),
    ("delete middle", delete_middle),
    ("rename first to last", rename_first_to_last),
    ("rename last to first", rename_last_to_first),
];

async fn change_between(users: usize, cap: usize, endpoint: Endpoint, requests: u32) {
    for (what, change) in CHANGES {
        for request in (1..=requests).step_by((requests as usize / 4).max(1)) {
            let when = format!("{what} before request {request} to {endpoint:?}, pages of {cap}");
            let world = World::new(Settings { users, seed: 9, page_cap: Some(cap), ..Settings::default() }).await;
            world.walk().await.unwrap();
            let before = world.truth();
            let target = Target::at(endpoint).from(request);
            world.sim.add_fault(Fault::once(target, FaultKind::between(change)));
            world.clock.set(world.clock.now().plus_millis(60_000));
            world.walk().await.unwrap_or_else(|error| panic!("{when}: {error}"));
            world.sim.clear_faults();
            let during = world.mirror().await;
            let after = world.sim.with_population(|site| {
                site.look();
                site.truth()
            });
            for (key, user) in &after.users {
                let stood = before.users.contains_key(key) && user.status == rollbook::model::Status::Active;
                if stood {
                    assert_eq!(during.users[key]["status"], "active", "{when}: user {key} stood throughout");
                }
            }
            for (name, group) in &after.groups {
                let standing = group.members.iter().filter(|key| {
                    before.groups.get(name).is_some_and(|members| members.contains(*key)) && group.readable
                });
                for key in standing {
                    assert!(during.groups[name].contains(key), "{when}: {key} stood in {name} throughout");
                }
            }
            // Once the site is quiet, one walk makes the mirror equal to it.
            world.clock.set(world.clock.now().plus_millis(60_000));
            world.walk().await.unwrap();
            world.mirror().await.assert_is(&world.truth(), &when);
            assert_invariants(&mut world.reader().await).await;
        }
    }
}

#[tokio::test]
async fn while_the_user_list_is_read_in_pages_of_seven() {
    change_between(60, 7, Endpoint::UserList, 12).await;
}

#[tokio::test]
async fn while_the_user_list_is_read_in_pages_of_one() {
    change_between(24, 1, Endpoint::UserList, 20).await;
}

#[tokio::test]
async fn while_the_user_list_is_read_in_pages_of_fifty() {
    change_between(60, 50, Endpoint::UserList, 2).await;
}

#[tokio::test]
async fn while_the_members_are_read_in_pages_of_seven() {
    change_between(60, 7, Endpoint::GroupMembers, 60).await;
}
