//! User lists that cap, ignore, lie, move or break off: the right result, or a partial walk that closes nothing.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use crate::support::{World, rewritten};

const PEOPLE: &str = "SELECT key, name, status FROM users ORDER BY key";
const MEMBERS: &str = "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
    JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL ORDER BY 1, 2";

/// Nobody was closed and no membership ended.
#[track_caller]
fn nothing_closed(world: &World) {
    let closing = "SELECT kind, count(*) FROM changes WHERE kind IN ('user.access-lost', 'user.missing', \
        'user.deleted', 'user.deactivated', 'member.removed', 'group.removed') GROUP BY kind";
    assert_eq!(world.rows(closing), [""; 0]);
}

#[test]
fn every_way_of_paging_gives_the_same_mirror() {
    let plain = World::small();
    plain.sync().exits(0);
    let (people, members) = (plain.rows(PEOPLE), plain.rows(MEMBERS));
    let same = |world: World| {
        world.sync().exits(0);
        assert_eq!(world.rows(PEOPLE), people);
        assert_eq!(world.rows(MEMBERS), members);
        let contents = world.database().contents(&["walks"]);
        world.sync().exits(0);
        assert_eq!(world.database().contents(&["walks"]), contents);
    };
    same(World::capped(50));
    same(World::capped(7));
    same(World::capped(1));
    same(World::small().limit("page_size", 7));
    same(World::small().fault(Fault::always(Target::default(), FaultKind::IgnoreMaxResults)));
}

#[test]
fn a_server_that_ignores_where_to_start_ends_the_walk_partial() {
    let world = World::small().limit("page_size", 10);
    world.sync().exits(0);
    let before = world.rows(PEOPLE);
    let world = world.fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::IgnoreStartAt));
    world.sync().exits(3).prints(&["startAt"]);
    assert_eq!(world.last_walk().0, "partial");
    assert_eq!(world.rows(PEOPLE), before);
    nothing_closed(&world);
}

#[test]
fn a_page_that_keeps_failing_leaves_the_rest() {
    for what in [FaultKind::InvalidJson, FaultKind::status(500), FaultKind::status(403), FaultKind::Truncate] {
        let world = World::small().limit("page_size", 20);
        world.sync().exits(0);
        let names = world.rows("SELECT name FROM users WHERE status = 'active' ORDER BY lower(name)");
        let edited = &names[0];
        world.change(|site| {
            let key = site.find(edited).unwrap().key.clone();
            site.users.get_mut(&key).unwrap().phone = "+1 555 0100".to_owned();
            // Somebody on the page that does not arrive leaves meanwhile: it cannot be told.
            let gone = site.find(&names[40]).unwrap().key.clone();
            site.delete(&gone);
        });
        world.site.add_fault(Fault::always(Target::at(Endpoint::UserList).page(1), what));
        world.sync().exits(3).prints(&["missing: the user list is incomplete", "startAt=30"]);
        assert_eq!(world.last_walk().0, "partial");
        assert_eq!(world.rows("SELECT name FROM users WHERE phone = '+1 555 0100'"), std::slice::from_ref(edited));
        let closing = "SELECT count(*) FROM changes WHERE kind GLOB 'user.[adm]*' AND kind <> 'user.access-gained'";
        assert_eq!(world.one(closing), "0", "nobody is closed");
        world.site.clear_faults();
        world.sync().exits(0);
        assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'deleted'"), "1");
    }
}

#[test]
fn a_first_walk_of_a_broken_list_takes_what_arrives() {
    let world = World::small().limit("page_size", 20);
    world.site.add_fault(Fault::always(Target::at(Endpoint::UserList).page(1), FaultKind::InvalidJson));
    world.sync().exits(3);
    assert_eq!(world.last_walk().0, "partial");
    // Before the first applied walk the mirror is not fresh.
    world.run(&["status"]).exits(5);
    world.site.clear_faults();
    world.sync().exits(0);
    world.run(&["status"]).exits(0);
    assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'partial'"), "1");
    nothing_closed(&world);
}

#[test]
fn a_total_that_lies_closes_nobody() {
    for lie in [0, 3, 10_000] {
        let world = World::small().limit("page_size", 20);
        world.sync().exits(0);
        let before = world.rows(PEOPLE);
        let world = world.fault(rewritten(Endpoint::UserList, move |body| {
            let (_, rest) = body.split_once(',').unwrap();
            format!("{{\"total\":{lie},{rest}")
        }));
        world.sync().exits(3);
        assert_eq!(world.last_walk().0, "partial", "total {lie}");
        assert_eq!(world.rows(PEOPLE), before, "total {lie}");
        nothing_closed(&world);
    }
}

#[test]
fn a_list_without_a_total_is_read_to_its_end() {
    let world = World::small().limit("page_size", 20);
    world.sync().exits(0);
    let before = world.rows(PEOPLE);
    let world = world.fault(rewritten(Endpoint::UserList, |body| {
        let (_, rest) = body.split_once(',').unwrap();
        format!("{{{rest}")
    }));
    world.sync().exits(0);
    assert_eq!(world.rows(PEOPLE), before);
}

#[test]
fn a_user_deleted_between_two_pages_takes_nobody_along() {
    for first in [true, false] {
        let world = World::small().limit("page_size", 20).limit("concurrency", 1);
        world.sync().exits(0);
        let victim = world.one("SELECT key FROM users WHERE status = 'active' ORDER BY lower(name) LIMIT 1");
        let happens = move |site: &mut rollbook::simulator::Population| match first {
            true => site.delete(&victim),
            false => drop(site.add("aaa.first")),
        };
        world.site.add_fault(Fault::once(Target::at(Endpoint::UserList).from(2), FaultKind::between(happens)));
        world.sync().exits(0);
        assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'missing'"), "0");
        let lost = "SELECT count(*) FROM changes WHERE kind = 'user.access-lost'";
        assert_eq!(world.one(lost), "0", "whoever stood there throughout was lost");
        // Whom a page still showed is found out by the next walk at the latest.
        world.sync().exits(0);
        assert_eq!(world.one(lost), "0");
        let returned = "SELECT count(*) FROM changes WHERE kind IN ('user.returned', 'user.access-gained')";
        assert_eq!(world.one(returned), "0");
        assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'deleted'"), (first as u8).to_string());
        assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'aaa.first'"), (!first as u8).to_string());
    }
}

#[test]
fn a_list_of_groups_that_cannot_be_read_closes_no_group() {
    let faults = [FaultKind::status(500), FaultKind::status(403), FaultKind::InvalidJson, FaultKind::EmptyList];
    for what in faults {
        let world = World::small();
        world.sync().exits(0);
        let members = world.rows(MEMBERS);
        let world = world.fault(Fault::always(Target::at(Endpoint::GroupList), what));
        world.change(|site| site.add("somebody.new"));
        world.sync().exits(3).prints(&["list of groups"]);
        assert_eq!(world.rows(MEMBERS), members);
        assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'somebody.new'"), "1", "the users are taken");
        nothing_closed(&world);
    }
}
