//! The page of a group.

use rollbook::simulator::Settings;

use super::read::{cells, links, page, walked};
use crate::support::World;
use crate::web::Served;

/// The members of all pages.
fn members(service: &Served, path: &str, name: &str) -> Vec<String> {
    let (mut path, mut members) = (path.to_owned(), Vec::new());
    loop {
        let page = page(service, &path);
        members.extend(cells(&page, &format!("Members of {name}")).into_iter().map(|row| row[0].clone()));
        // The events have a next page too.
        match links(&page, "Next ›").into_iter().find(|next| !next.contains("events=")) {
            Some(next) => path = next,
            None => return members,
        }
    }
}

#[test]
fn a_group_that_nobody_can_ask_about_is_not_empty() {
    let world = World::small();
    world.change(|site| site.groups.insert("ops/on-call".to_owned(), Default::default()));
    let (world, service, _) = walked(world);
    let id = world.one("SELECT id FROM groups WHERE name = 'ops/on-call'");
    let page = page(&service, &format!("/groups/{id}"));
    assert!(page.contains("<dt>Members</dt><dd class=\"number\">not known</dd>"), "{page}");
    assert!(page.contains("nobody knows") && !page.contains("There is no such row"), "{page}");
}

#[test]
fn members_as_they_were_and_who_came_and_went() {
    let (world, service, moment) = walked(World::with(Settings { users: 230, seed: 5, ..Settings::default() }));
    let id = world.one("SELECT id FROM groups WHERE name = 'confluence-users'");
    let then = world.rows(&format!(
        "SELECT u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.group_id = {id} AND m.valid_to IS NULL \
         ORDER BY u.name COLLATE NOCASE, u.id"
    ));
    assert!(then.len() > 100, "{}", then.len());
    assert_eq!(members(&service, &format!("/groups/{id}"), "confluence-users"), then);
    let key = world.change(|site| {
        let leaver = site.users.values().find(|user| user.name == then[0]).unwrap().key.clone();
        site.leave(&leaver, "confluence-users");
        let key = site.add("aaa-newcomer");
        site.join(&key, "confluence-users");
        site.look();
        key
    });
    world.sync().exits(0);
    let mut now = then.clone();
    now[0] = "aaa-newcomer".to_owned();
    let mut found = members(&service, &format!("/groups/{id}"), "confluence-users");
    now.sort();
    found.sort();
    assert_eq!(found, now);
    assert_eq!(members(&service, &format!("/groups/{id}?as-of={moment}"), "confluence-users"), then);
    assert!(page(&service, &format!("/groups/{id}?as-of=2001-01-01")).contains("did not know this group then"));
    let newest = page(&service, &format!("/groups/{id}"));
    let kinds: Vec<&str> = newest.split("data-kind=\"").skip(1).map(|event| event.split('"').next().unwrap()).collect();
    assert_eq!(kinds[..2], ["member.removed", "member.added"]);
    let events = world.run(&["history", "group", "confluence-users", "--format", "json"]).exits(0).json();
    let events = events["matches"][0]["events"].as_array().unwrap();
    assert!(newest.contains(&format!("1–100 of {}", events.len())));
    let member = world.one(&format!("SELECT id FROM users WHERE key = '{key}'"));
    assert_eq!(
        links(&newest, "aaa-newcomer"),
        [format!("/users/{member}"), format!("/users/{member}")],
        "by the number: a name may be another's tomorrow"
    );
    let answer = service.get("/find?site=corp&group=confluence-users");
    assert!(answer.status == 303 && answer.head.contains(&format!("location: /groups/{id}\r\n")), "{answer:?}");
}
