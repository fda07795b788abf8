//! The walks as pages: what became of each, and what a held one holds.

use std::collections::BTreeSet;

use rollbook::simulator::Endpoint;

use super::markup::{between, figure, page, status, text};
use crate::holds::{breaks, hundred};
use crate::support::{World, always};
use crate::web::{Served, listening};

/// The walks of a page, in its order.
fn ids(page: &str) -> Vec<String> {
    between(page, "<tr><th scope=\"row\" class=\"n\"><a href=\"/walks/", "\"").into_iter().map(str::to_owned).collect()
}

#[test]
fn the_list_is_that_of_the_database() {
    let world = listening(World::small(), "");
    world.sync().exits(0);
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    world.sync().exits(3);
    world.site.clear_faults();
    world.site.add_fault(always(Endpoint::UserList, 500));
    world.sync().exits(69);
    world.site.clear_faults();
    let more = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 120) \
                INSERT INTO walks (site_id, started_at, finished_at, status) \
                SELECT (SELECT id FROM sites), '2026-01-01 00:00:00.000', '2026-01-01 00:00:01.500', 'failed' FROM n";
    world.writable().rows(more);
    let service = Served::start(&world);
    let mut found = Vec::new();
    let mut path = Some("/walks".to_owned());
    while let Some(next) = path {
        let page = page(&service, &next);
        found.extend(ids(&page));
        path = between(&page, "rel=\"next\" href=\"", "\"").first().map(|link| link.replace("&#38;", "&"));
    }
    assert_eq!(found, world.rows("SELECT id FROM walks ORDER BY id DESC"));
    for of in ["applied", "partial", "failed", "held"] {
        let page = page(&service, &format!("/walks?site=corp&status={of}"));
        let wanted = format!("SELECT id FROM walks WHERE status = '{of}' ORDER BY id DESC LIMIT 50");
        assert_eq!(ids(&page), world.rows(&wanted), "{of}");
    }
    let first = page(&service, "/walks?before=2");
    let row = text(between(&first, "<tbody>", "</tbody>")[0]);
    let figures = world.one("SELECT users_seen, groups_seen, memberships_seen, requests FROM walks WHERE id = 1");
    for figure in figures.split('|') {
        assert!(row.replace('\u{202f}', "").contains(figure), "{figure}: {row}");
    }
    let error = world.one("SELECT error FROM walks WHERE status = 'partial'");
    assert!(text(&page(&service, "/walks?status=partial")).contains(error.lines().next().unwrap()), "{error}");
    assert_eq!(status(&service, "/walks?status=lost"), 400);
    assert_eq!(status(&service, "/walks?before=x"), 400);
    assert_eq!(status(&service, "/walks?site=nowhere"), 404);
    service.stop().exits(0);
}

#[test]
fn a_walk_that_is_not_there() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_walked();
    for odd in ["2", "0", "-1", "x", "1x", "99999999999999999999", "%3Cscript%3E"] {
        assert_eq!(status(&service, &format!("/walks/{odd}")), 404, "{odd}");
    }
    assert_eq!(status(&service, "/walks/1?x=1"), 400);
    service.stop().exits(0);
}

#[test]
fn what_a_walk_read_and_changed() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_walked();
    let page = page(&service, "/walks/1");
    let columns = [("users seen", "users_seen"), ("memberships seen", "memberships_seen"), ("changes", "changes")];
    for (name, column) in columns {
        let wanted = world.one(&format!("SELECT {column} FROM walks"));
        assert_eq!(figure(&page, name).replace('\u{202f}', ""), wanted, "{name}");
    }
    for row in world.rows("SELECT kind, count(*) FROM changes WHERE walk_id = 1 GROUP BY kind") {
        let (kind, count) = row.split_once('|').unwrap();
        let shown = between(&page, &format!("<code>{kind}</code></th><td class=\"n\">"), "<")[0];
        assert_eq!(shown.replace('\u{202f}', ""), count, "{kind}");
    }
    for part in world.rows("SELECT part FROM walk_coverage WHERE walk_id = 1") {
        assert!(page.contains(&format!("<th scope=\"row\">{part}</th><td>yes</td>")), "{part}: {page}");
    }
    let shown: Vec<_> = between(&page, "<tr id=\"c", "\"").into_iter().map(str::to_owned).collect();
    assert_eq!(shown, world.rows("SELECT id FROM changes WHERE walk_id = 1 ORDER BY id LIMIT 100"));
    assert!(page.contains("href=\"/changes?walk=1\""), "{page}");
    // What is pruned is not told as if it had never been.
    world.writable().rows("DELETE FROM change_log WHERE id <= 5");
    assert!(super::markup::page(&service, "/walks/1").contains("5 of its changes are on record no more"));
    service.stop().exits(0);
}

#[test]
fn a_partial_walk_tells_which_part_and_why() {
    let world = listening(World::small(), "").fault(always(Endpoint::GroupMembers, 500));
    let service = Served::start(&world);
    service.until_walked();
    let page = page(&service, "/walks/1");
    assert!(page.contains("<p class=\"incomplete\">Partial"), "{page}");
    let problem = world.one("SELECT problem FROM walk_coverage WHERE part = 'members'");
    let row = text(between(&page, "<th scope=\"row\">members</th>", "</tr>")[0]);
    assert!(row.starts_with("no") && row.contains(&problem), "{problem}: {row}");
    service.stop().exits(0);
}

/// What the pages of a hold show, in order: number, kind, user, group.
fn held(service: &Served, walk: i64) -> Vec<String> {
    let (mut rows, mut path) = (Vec::new(), Some(format!("/walks/{walk}")));
    while let Some(next) = path {
        let page = page(service, next.split('#').next().unwrap());
        for row in between(&page, "<tr id=\"h", "</tr>") {
            let cells: Vec<String> =
                between(row, "<td", "</td>").iter().map(|cell| text(&format!("<{cell}"))).collect();
            rows.push(cells[..4].join("|"));
        }
        path = between(&page, "rel=\"next\" href=\"", "\"").first().map(|link| link.to_string());
    }
    rows
}

/// The same of the database.
fn known(world: &World, walk: i64) -> Vec<String> {
    world.rows(&format!(
        "SELECT h.seq, h.kind, coalesce(u.name, ''), coalesce(g.name, '') FROM held_changes h \
         LEFT JOIN users u ON u.id = h.user_id LEFT JOIN groups g ON g.id = h.group_id WHERE h.walk_id = {walk} ORDER BY h.seq"
    ))
}

#[track_caller]
fn agree(shown: &[String], known: &[String]) {
    assert_eq!(shown.len(), known.len());
    for (shown, known) in shown.iter().zip(known) {
        let (shown, known): (Vec<_>, Vec<_>) = (shown.split('|').collect(), known.split('|').collect());
        assert!(
            shown[0] == known[0] && shown[1].ends_with(known[1]) && shown[2..] == known[2..],
            "{shown:?} {known:?}"
        );
    }
}

#[test]
fn a_hold_is_shown_whole_with_the_commands_that_settle_it() {
    let (world, keys) = hundred();
    let world = listening(world, "");
    breaks(&world, &keys, 60);
    let walk = world.held();
    let (known, reasons) = (known(&world, walk), world.one("SELECT reasons FROM holds"));
    assert!(known.len() > 100, "more than one page");
    let service = Served::start(&world);
    let first = page(&service, &format!("/walks/{walk}"));
    agree(&held(&service, walk), &known);
    for reason in reasons.lines() {
        assert!(text(&first).contains(reason), "{reason}");
    }
    let id = walk.to_string();
    for command in ["diff ID", "approve ID", "reject ID --reason TEXT"] {
        assert!(first.contains(&format!("rollbook walks {}", command.replace("ID", &id))), "{command}");
    }
    assert!(first.contains("The next walk of the site judges afresh"), "{first}");
    assert!(!first.contains("method=\"post\""), "a page changes nothing");
    // Whom it is about is told of it too.
    let somebody = world.one(&format!("SELECT user_id FROM held_changes WHERE walk_id = {walk} LIMIT 1"));
    let group = world.one("SELECT id FROM groups WHERE name = 'confluence-users'");
    for (about, path) in [("user", format!("/users/{somebody}")), ("group", format!("/groups/{group}"))] {
        let told = text(&page(&service, &path));
        assert!(
            told.contains(&format!("Walk {walk} is held")) && told.contains(&format!("about this {about}")),
            "{told}"
        );
    }
    // The next walk is held too, and takes its place.
    let superseded = walk;
    let walk = world.held();
    let before = page(&service, &format!("/walks/{superseded}"));
    assert!(text(&before).contains("It was superseded"), "{before}");
    world.walks("approve", walk, &["--by", "<i>mia</i>", "--reason", "they \"left\""]).exits(0);
    let page = page(&service, &format!("/walks/{walk}"));
    let told = text(&page);
    assert!(told.contains("It was approved at") && told.contains("by <i>mia</i>: they \"left\""), "{told}");
    let dated = world.one(&format!("SELECT substr(decided_at, 1, 16) FROM holds WHERE walk_id = {walk}"));
    assert!(told.contains("what it held is dated") && page.contains(&format!(">{dated}</time>")), "{told}");
    assert!(!page.contains("rollbook walks approve") && held(&service, walk).is_empty(), "{page}");
    let kinds: BTreeSet<_> = between(&page, "&amp;kind=", "\"").into_iter().collect();
    assert!(kinds.contains("user.access-lost") && kinds.contains("member.removed"), "{kinds:?}");
    let lost = format!("SELECT count(*) FROM changes WHERE walk_id = {walk} AND kind = 'user.access-lost'");
    assert_eq!(between(&page, "<code>user.access-lost</code></th><td class=\"n\">", "<")[0], world.one(&lost));
    service.stop().exits(0);
}

#[test]
fn a_hold_that_was_rejected_tells_what_it_would_have_taken_away() {
    let (world, keys) = hundred();
    let world = listening(world, "");
    breaks(&world, &keys, 40);
    let walk = world.held();
    world.walks("reject", walk, &["--reason", "the directory was down"]).exits(0);
    let known = known(&world, walk);
    let service = Served::start(&world);
    let page = page(&service, &format!("/walks/{walk}"));
    let told = text(&page);
    assert!(told.contains("It was rejected at") && told.contains("the directory was down"), "{told}");
    assert!(told.contains("What it would have taken away") && !told.contains("rollbook walks"), "{told}");
    agree(&held(&service, walk), &known);
    service.stop().exits(0);
}
