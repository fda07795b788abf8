//! The feed as a page, against the feed as SQL tells it.

use super::markup::{between, page, status, text};
use crate::holds::{breaks, hundred};
use crate::support::World;
use crate::web::{Served, listening};

/// The changes of a page, in its order.
fn ids(page: &str) -> Vec<String> {
    between(page, "<tr id=\"c", "\"").into_iter().map(str::to_owned).collect()
}

/// Where a page leads on to.
fn link(page: &str, to: &str) -> Option<String> {
    let found = between(page, &format!("rel=\"{to}\" href=\""), "\"");
    found.first().map(|link| link.replace("&#38;", "&"))
}

#[track_caller]
fn tells(world: &World, service: &Served, query: &str, condition: &str) -> String {
    let page = page(service, &format!("/changes?{query}"));
    let wanted = format!("SELECT id FROM changes c WHERE {condition} ORDER BY id DESC LIMIT 100");
    assert_eq!(ids(&page), world.rows(&wanted), "{query}");
    page
}

/// A site that was walked four times, on four days, and the third walk of which was held and approved on the fourth.
fn four_days() -> (World, Vec<String>) {
    let (world, keys) = hundred();
    let world = listening(world, "");
    breaks(&world, &keys, 40);
    world.change(|site| site.users.get_mut(&keys[0]).unwrap().name = "renamed.000".to_owned());
    let held = world.held();
    world.walks("approve", held, &[]).exits(0);
    world.change(|site| site.join(&keys[1], "founded"));
    world.sync().exits(0);
    let mut database = world.writable();
    for (walk, day) in [(1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-04")] {
        database.rows(&format!("UPDATE walks SET at = '{day} 12:00:00.000' WHERE id = {walk}"));
    }
    database.rows("UPDATE holds SET decided_at = '2026-01-03 12:00:00.000'");
    database.rows("UPDATE change_log SET at = '2026-01-03 12:00:00.000' WHERE at IS NOT NULL");
    drop(database);
    (world, keys)
}

#[test]
fn every_filter_finds_what_sql_finds() {
    let (world, keys) = four_days();
    let user = world.one(&format!("SELECT id FROM users WHERE key = '{}'", keys[70]));
    let renamed = world.one("SELECT id FROM users WHERE name = 'renamed.000'");
    let group = world.one("SELECT id FROM groups WHERE name = 'team'");
    let service = Served::start(&world);
    let tells = |query: &str, condition: &str| tells(&world, &service, query, condition);
    tells("", "1");
    tells("site=corp", "site = 'corp'");
    tells("kind=user.renamed", "kind = 'user.renamed'");
    tells("kind=group.created&kind=user.access-lost&kind=all", "kind IN ('group.created', 'user.access-lost')");
    let of_user = tells(&format!("user={user}"), &format!("user_id = {user}"));
    assert!(of_user.contains("Only of the user <bdi>active.070</bdi>"), "{of_user}");
    tells(&format!("user={user}&kind=member.removed"), &format!("user_id = {user} AND kind = 'member.removed'"));
    let access = "kind = 'user.access-lost'";
    tells(&format!("user={user}&kind=user.access-lost"), &format!("user_id = {user} AND {access}"));
    tells(&format!("user={renamed}&from=2026-01-02"), &format!("user_id = {renamed} AND at >= '2026-01-02'"));
    tells(&format!("group={group}"), &format!("group_id = {group}"));
    for walk in 1..=3 {
        tells(&format!("walk={walk}"), &format!("walk_id = {walk}"));
    }
    for day in ["2025-12-31", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"] {
        tells(&format!("from={day}"), &format!("at >= '{day}'"));
        tells(&format!("to={day}"), &format!("at < date('{day}', '+1 day')"));
        tells(&format!("from={day}&to={day}"), &format!("date(at) = '{day}'"));
        tells(&format!("from={day}&site=corp&walk=2"), &format!("at >= '{day}' AND walk_id = 2"));
    }
    let nothing = tells("kind=user.deleted", "kind = 'user.deleted'");
    assert!(nothing.contains("No change on record is like this."), "{nothing}");
    // What is chosen stays chosen.
    let chosen = page(&service, "/changes?site=corp&kind=user.renamed&from=2026-01-02&user=1");
    for kept in [
        "value=\"corp\" selected",
        "value=\"user.renamed\" checked",
        "value=\"2026-01-02\"",
        "name=\"user\" value=\"1\"",
    ] {
        assert!(chosen.contains(kept), "{kept}: {chosen}");
    }
    service.stop().exits(0);
}

#[test]
fn one_pages_through_all_of_it_and_back() {
    let (world, _) = four_days();
    let service = Served::start(&world);
    let all = world.rows("SELECT id FROM changes ORDER BY id DESC");
    assert!(all.len() > 300, "{}", all.len());
    let (mut pages, mut found) = (vec!["/changes".to_owned()], Vec::new());
    loop {
        let page = page(&service, pages.last().unwrap());
        found.extend(ids(&page));
        match link(&page, "next") {
            Some(older) => pages.push(older),
            None => break,
        }
    }
    assert_eq!(found, all);
    // Back from the last.
    let (last, mut back) = (page(&service, pages.last().unwrap()), Vec::new());
    let mut newer = link(&last, "prev");
    while let Some(path) = newer {
        let page = page(&service, &path);
        back.splice(0..0, ids(&page));
        newer = link(&page, "prev");
    }
    assert_eq!(back, all[..all.len() - ids(&last).len()]);
    let beyond = page(&service, "/changes?before=1");
    assert!(beyond.contains("There are no older changes.") && ids(&beyond).is_empty(), "{beyond}");
    assert_eq!(link(&beyond, "prev").as_deref(), Some("/changes?after=0"));
    let oldest = ids(&page(&service, "/changes?after=0"));
    assert_eq!(oldest, all[all.len() - 100..]);
    service.stop().exits(0);
}

#[test]
fn a_row_tells_between_which_walks_it_happened_and_what() {
    let (world, _) = four_days();
    let service = Served::start(&world);
    let renamed = world.one("SELECT id FROM changes WHERE kind = 'user.renamed'");
    let not_before = world.one(&format!("SELECT substr(not_before, 1, 16) FROM changes WHERE id = {renamed}"));
    let page = page(&service, "/changes?kind=user.renamed");
    let row = text(between(&page, &format!("<tr id=\"c{renamed}\">"), "</tr>")[0]);
    for told in
        ["2026-01-02 12:00", &format!("after {not_before}"), "user renamed user.renamed", "active.000 → renamed.000"]
    {
        assert!(row.contains(told), "{told}: {row}");
    }
    let first = super::markup::page(&service, "/changes?walk=1&kind=group.created");
    assert!(first.contains("found by the first walk"), "{first}");
    service.stop().exits(0);
}

#[test]
fn hostile_names_are_text_and_whoever_was_erased_has_none() {
    let (world, keys) = hundred();
    let world = listening(world, "");
    let name = "<script>alert('x')</script>\u{202e}\"&amp;";
    world.change(|site| {
        site.users.get_mut(&keys[5]).unwrap().name = name.to_owned();
        site.users.get_mut(&keys[6]).unwrap().position = "</td><b onclick=\"x\">".to_owned();
        site.users.get_mut(&keys[7]).unwrap().name = "to.be.erased".to_owned();
    });
    world.sync().exits(0);
    let service = Served::start(&world);
    let shown = page(&service, "/changes?walk=2");
    assert!(!shown.contains("<script") && !shown.contains('\u{202e}') && !shown.contains("<b "), "{shown}");
    assert!(text(&shown).contains("<script>alert('x')</script>\\u{202e}\"&amp;"), "{shown}");
    assert!(text(&shown).contains("Clerk → </td><b onclick=\"x\">"), "{shown}");
    assert!(shown.contains("to.be.erased"));
    let erased = world.one("SELECT id FROM users WHERE name = 'to.be.erased'");
    let link = format!("href=\"/users/{erased}\"");
    assert!(shown.contains(&link));
    world.run(&["db", "forget", "to.be.erased"]).exits(0);
    let shown = page(&service, "/changes?walk=2");
    assert!(!shown.contains("to.be.erased") && !shown.contains(&link) && shown.contains("erased</span>"), "{shown}");
    service.stop().exits(0);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    for query in [
        "kind=x",
        "from=yesterday",
        "to=2026-13-01",
        "user=x",
        "walk=-1",
        "before=1&after=2",
        "x=1",
        "kind=%3Cscript%3E",
    ] {
        assert_eq!(status(&service, &format!("/changes?{query}")), 400, "{query}");
    }
    assert_eq!(status(&service, "/changes?site=nowhere"), 404);
    service.stop().exits(0);
}
