//! Groups that vanish, turn empty, or have odd names.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use super::{CloudPicture, heals, people, sixty, truth};
use crate::support::World;

fn with_team() -> (World, Vec<String>) {
    let world = sixty();
    let keys: Vec<String> = people(&world).into_iter().take(5).collect();
    world.change(|site| {
        keys.iter().for_each(|key| site.join(key, "team"));
        site.look();
    });
    heals(&world, "a team");
    (world, keys)
}

const ENDED: &str = "SELECT c.kind FROM changes c JOIN groups g ON g.id = c.group_id \
                     WHERE g.name = 'team' AND c.kind IN ('member.removed', 'group.removed') ORDER BY c.id";

#[test]
fn a_group_that_goes_while_it_is_read_is_removed_in_the_same_walk() {
    let (world, _) = with_team();
    // The list still shows it; its id then gets an empty page.
    let goes = FaultKind::between(|site| drop(site.groups.remove("team")));
    world.site.add_fault(Fault::once(Target::at(Endpoint::CloudMembers).of("team"), goes));
    world.sync().exits(0);
    let ended = world.rows(ENDED);
    assert_eq!(ended.len(), 6, "{ended:?}");
    assert_eq!(ended.last().map(String::as_str), Some("group.removed"));
    heals(&world, "gone");
}

#[test]
fn an_empty_page_once_ends_nothing() {
    let (world, _) = with_team();
    world.site.add_fault("empty-list@cloud-members/team:1".parse().unwrap());
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.rows(ENDED), [""; 0]);
}

#[test]
fn a_group_that_really_is_empty_stays_without_members() {
    let (world, keys) = with_team();
    world.change(|site| keys.iter().for_each(|key| site.leave(key, "team")));
    heals(&world, "empty");
    assert_eq!(world.rows(ENDED), ["member.removed"; 5]);
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn an_empty_group_whose_list_cannot_be_read_again_is_left_alone() {
    let (world, _) = with_team();
    world.site.add_fault("empty-list@cloud-members/team".parse().unwrap());
    // The list is asked for again once the members were read.
    let pages = 1;
    world.site.add_fault(Fault::always(Target::at(Endpoint::CloudGroups).from(pages + 1), FaultKind::status(500)));
    world.sync().exits(3);
    assert_eq!(world.rows(ENDED), [""; 0]);
    heals(&world, "read again");
}

#[test]
fn a_failing_group_leaves_the_others_to_change() {
    let (world, keys) = with_team();
    world.change(|site| {
        site.leave(&keys[0], "team");
        site.leave(&keys[1], "everyone");
        site.look();
    });
    let before = CloudPicture::of_mirror(&world, "corp");
    world.site.add_fault("status=500@cloud-members/team".parse().unwrap());
    world.sync().exits(3).prints(&["group 'team'"]);
    let (now, truth) = (CloudPicture::of_mirror(&world, "corp"), truth(&world));
    let team = world.change(|site| site.group_id("team"));
    let of = |picture: &CloudPicture, team_alone: bool| {
        picture.members.iter().filter(|(group, _)| (*group == team) == team_alone).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(&now, true), of(&before, true));
    assert_eq!(of(&now, false), of(&truth, false));
    heals(&world, "the team answers");
}

#[test]
fn a_name_goes_to_another_group() {
    let (world, keys) = with_team();
    let id = world.change(|site| site.group_id("team"));
    world.change(|site| {
        site.rename_group("team", "old team");
        site.join(&keys[4], "team");
    });
    heals(&world, "another group of the name");
    assert_eq!(world.rows(ENDED), [""; 0], "nobody left");
    let renamed = "SELECT before, after FROM changes WHERE kind = 'group.renamed'";
    assert_eq!(world.rows(renamed), ["team|old team"]);
    assert_eq!(world.one(&format!("SELECT name FROM groups WHERE external_id = '{id}'")), "old team");
    // The two swap their names.
    world.change(|site| {
        site.rename_group("team", "x");
        site.rename_group("old team", "team");
        site.rename_group("x", "old team");
    });
    heals(&world, "swapped");
    assert_eq!(world.rows(renamed).len(), 3);
}

#[test]
fn odd_names_are_names() {
    let (world, keys) = with_team();
    world.change(|site| {
        for name in ["ops/on-call 2", "\"quoted\" },{", "../..", "naïve 東京", "%2e%2e", "?limit=1", "id\":\"x"] {
            site.join(&keys[0], name);
        }
    });
    heals(&world, "odd names");
}
