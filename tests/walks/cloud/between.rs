//! The Cloud site changes between two requests of one walk: nobody is lost, nobody is wrongly ended.

use rollbook::model::Status;
use rollbook::simulator::{Endpoint, Fault, FaultKind, Population, Settings, Target, account_id};

use super::{Door, cloud, settings};
use crate::support::assert_invariants;

type Change = fn(&mut Population);

/// Somebody with access, by the order in which members are listed: that of the ids.
fn nth_listed(site: &Population, nth: usize) -> String {
    let listed: Vec<_> = site.users.values().filter(|user| site.has_access(user) && !user.serves()).collect();
    listed[nth % listed.len()].key.clone()
}

fn insert(site: &mut Population) {
    let key = site.add("0-first");
    site.join(&key, "everyone");
}

fn delete_first(site: &mut Population) {
    let key = nth_listed(site, 0);
    site.delete(&key);
}

fn delete_middle(site: &mut Population) {
    let key = nth_listed(site, 12);
    site.delete(&key);
}

fn leave_first(site: &mut Population) {
    let key = nth_listed(site, 0);
    site.leave_all(&key);
}

fn rename_first_to_last(site: &mut Population) {
    let key = nth_listed(site, 0);
    site.users.get_mut(&key).unwrap().name = "zz-renamed".to_owned();
}

fn remove_first_group(site: &mut Population) {
    let name = site.groups.keys().find(|name| !name.starts_with("confluence-")).unwrap().clone();
    site.groups.remove(&name);
}

fn insert_first_group(site: &mut Population) {
    let key = nth_listed(site, 3);
    site.join(&key, "0-group");
}

fn swap_groups(site: &mut Population) {
    site.rename_group("everyone", "0-everyone");
    site.rename_group("dept-engineering", "everyone");
}

const CHANGES: [(&str, Change); 8] = [
    ("insert", insert),
    ("delete first", delete_first),
    ("delete middle", delete_middle),
    ("leave first", leave_first),
    ("rename first to last", rename_first_to_last),
    ("remove first group", remove_first_group),
    ("insert first group", insert_first_group),
    ("swap groups", swap_groups),
];

/// Each change before each of these requests of a walk, one walk after the other.
async fn change_between(users: usize, cap: usize, endpoint: Endpoint, requests: &[u32]) {
    for &request in requests {
        let world = cloud(Settings { page_cap: Some(cap), ..settings(users, 9, None) }, Door::Site).await;
        let world = world.without_organization();
        world.walk().await.unwrap();
        for (what, change) in CHANGES {
            let when = format!("{what} before request {request} to {endpoint:?}, pages of {cap}");
            let before = world.sim.with_population(|site| site.cloud_truth(false));
            let target = Target::at(endpoint).from(request);
            world.sim.add_fault(Fault::once(target, FaultKind::between(change)));
            world.clock.set(world.clock.now().plus_millis(60_000));
            world.walk().await.unwrap_or_else(|error| panic!("{when}: {error}"));
            world.sim.clear_faults();
            let during = world.cloud_mirror().await;
            let after = world.sim.with_population(|site| {
                site.look();
                site.cloud_truth(false)
            });
            let stands = |id: &String| before.users.contains_key(id) && after.users[id].status == Status::Active;
            for id in after.users.keys().filter(|id| stands(id)) {
                assert_eq!(during.users[id]["status"], "active", "{when}: user {id} stood throughout");
            }
            for (id, group) in &after.groups {
                let Some(known) = before.groups.get(id) else { continue };
                for user in group.members.intersection(&known.members) {
                    let shown = during.groups.get(id).is_some_and(|(_, members)| members.contains(user));
                    assert!(shown, "{when}: {user} stood in {} throughout", group.name);
                }
            }
            // Once the site is quiet, one walk makes the mirror equal to it.
            world.clock.set(world.clock.now().plus_millis(60_000));
            world.walk().await.unwrap();
            world.cloud_mirror().await.assert_is(&world.cloud_truth(), &when);
        }
        assert_invariants(&mut world.reader().await).await;
    }
}

#[tokio::test]
async fn while_the_groups_are_listed_in_pages_of_seven() {
    change_between(30, 7, Endpoint::CloudGroups, &[1, 2, 3, 5]).await;
}

#[tokio::test]
async fn while_the_members_are_read_in_pages_of_seven() {
    change_between(30, 7, Endpoint::CloudMembers, &[3, 6, 20]).await;
}

#[tokio::test]
async fn while_the_members_are_read_in_pages_of_one() {
    change_between(14, 1, Endpoint::CloudMembers, &[20, 40]).await;
}

#[tokio::test]
async fn while_users_are_searched_in_pages_of_seven() {
    change_between(30, 7, Endpoint::CloudSearch, &[2, 4]).await;
}

#[tokio::test]
async fn while_the_ids_are_looked_up() {
    change_between(30, 200, Endpoint::UsersBulk, &[1]).await;
}

/// An id without an answer is asked about once more: who is there then is there.
#[tokio::test]
async fn somebody_who_is_away_for_one_request_is_not_missing() {
    let world = cloud(settings(50, 9, None), Door::Site).await.without_organization();
    world.walk().await.unwrap();
    let key = world.sim.with_population(|site| nth_listed(site, 4));
    let away = |away: bool| {
        let key = key.clone();
        FaultKind::between(move |site| site.users.get_mut(&key).unwrap().unsynced = away)
    };
    world.sim.add_fault(Fault::once(Target::at(Endpoint::UsersBulk), away(true)));
    world.sim.add_fault(Fault::once(Target::at(Endpoint::UsersBulk).from(2), away(false)));
    world.clock.set(world.clock.now().plus_millis(60_000));
    let report = world.walk().await.unwrap();
    assert_eq!((report.figures.changes, report.problems), (0, Vec::<String>::new()));
    assert_eq!(world.status(&account_id(&key)).await, "active");
}

/// A group moves from before the reading to behind it while another makes room: no window shifts, and there is no total.
#[tokio::test]
async fn a_group_that_moves_out_of_the_readings_way_is_not_gone() {
    for request in 2..=5 {
        let world = cloud(Settings { page_cap: Some(7), ..settings(50, 9, None) }, Door::Site).await;
        let world = world.without_organization();
        world.walk().await.unwrap();
        let target = Target::at(Endpoint::CloudGroups).from(request);
        world.sim.add_fault(Fault::once(target, FaultKind::between(swap_groups)));
        world.clock.set(world.clock.now().plus_millis(60_000));
        world.walk().await.unwrap();
        let ended = "SELECT count(*) FROM changes WHERE kind IN ('group.removed', 'member.removed')";
        let ended: i64 = sqlx::query_scalar(ended).fetch_one(&mut world.reader().await).await.unwrap();
        assert_eq!(ended, 0, "before request {request}");
        world.clock.set(world.clock.now().plus_millis(60_000));
        world.walk().await.unwrap();
        world.cloud_mirror().await.assert_is(&world.cloud_truth(), &format!("before request {request}"));
    }
}
