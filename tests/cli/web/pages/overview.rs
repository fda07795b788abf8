//! The first page: what it says of each site is what the reports and the database say.

use rollbook::simulator::Endpoint;
use serde_json::Value;

use super::markup::{between, figure, page, status, text};
use crate::holds::{breaks, hundred};
use crate::support::{World, always};
use crate::web::served::configure;
use crate::web::{Served, listening};

/// Figures of the page, and the columns of the report that they are.
const FIGURES: [(&str, &str); 7] = [
    ("idle ≥ 90 days", "idle"),
    ("never logged in, ≥ 90 days old", "never"),
    ("last log-in unknown", "unknown"),
    ("no access", "no_access"),
    ("deactivated", "deactivated"),
    ("missing", "missing"),
    ("deleted", "deleted"),
];

/// The row of the report `seats`.
fn seats(world: &World) -> Value {
    let ran = world.run(&["report", "seats", "--param", "tier=80", "--format", "json"]).exits(0);
    ran.json()["rows"][0].clone()
}

#[track_caller]
fn agrees(world: &World, page: &str) {
    let row = seats(world);
    for (name, column) in FIGURES {
        assert_eq!(figure(page, name), row[column].to_string(), "{name}");
    }
    let licensed = world.one("SELECT count(*) FROM users WHERE status = 'active'");
    let percent = row["used_percent"].as_f64().unwrap();
    assert_eq!(figure(page, "seats in use of the tier"), format!("{licensed} of 80 ({percent:.1}\u{a0}%)"));
    // The chart's own table ends with the same.
    let numbers = between(page, "<summary>The numbers</summary>", "</table>")[0];
    assert!(
        numbers.contains(&format!("</time></th><td class=\"n\">{licensed}</td><td class=\"n\">80</td>")),
        "{numbers}"
    );
    let newest = "SELECT coalesce(u.name, ''), coalesce(g.name, '') FROM changes c LEFT JOIN users u ON u.id = c.user_id \
                  LEFT JOIN groups g ON g.id = c.group_id ORDER BY c.id DESC LIMIT 10";
    let table = between(page, "<caption>Newest changes of corp</caption>", "</table>")[0];
    let rows: Vec<String> = between(table, "<tr><td>", "</tr>")
        .iter()
        .map(|row| between(row, "<td>", "</td>").iter().take(2).map(|cell| text(cell)).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(rows, world.rows(newest));
}

#[test]
fn the_figures_are_those_of_the_report_and_follow_the_mirror() {
    let world = listening(World::small(), "").key("seats", "80");
    configure(&world, "", "");
    let service = Served::start(&world);
    service.until_walked();
    let first = page(&service, "/");
    agrees(&world, &first);
    assert!(first.contains("<span class=\"badge good\">fresh</span>"), "{first}");
    assert!(first.contains("<svg role=\"img\"") && !first.contains("class=\"incomplete\""), "{first}");
    assert!(figure(&first, "Last walk").starts_with("1 applied"), "{first}");
    assert!(!figure(&first, "Next walk").is_empty());
    for link in ["/reports/inactive?site=corp&#38;days=90", "/reports/licensed?site=corp", "/changes?site=corp"] {
        assert!(first.contains(&format!("href=\"{link}\"")), "{link}: {first}");
    }
    // Others, as soon as there are others.
    world.change(|site| {
        let leaving = site.licensed()[0].key.clone();
        site.leave_all(&leaving);
        let key = site.add("newcomer");
        site.join(&key, "confluence-users");
    });
    world.sync().exits(0);
    let next = page(&service, "/");
    agrees(&world, &next);
    assert!(next.contains("newcomer") && figure(&next, "Last walk").starts_with("2 applied"), "{next}");
    // A tier that is configured later.
    let world = world.key("seats", "160");
    configure(&world, "", "");
    service.reload();
    assert!(figure(&page(&service, "/"), "seats in use of the tier").contains(" of 160 ("));
    assert_eq!(status(&service, "/?x=1"), 400);
    service.stop().exits(0);
}

#[test]
fn unknown_is_not_never() {
    let world = listening(World::small(), "").key("seats", "80");
    configure(&world, "", "");
    world.sync().exits(0);
    world.writable().rows(
        "UPDATE accounts SET last_login_known = 0, last_login_at = NULL \
         WHERE id IN (SELECT id FROM accounts WHERE status = 'active' LIMIT 5)",
    );
    let service = Served::start(&world);
    let page = page(&service, "/");
    assert_eq!(figure(&page, "last log-in unknown"), "5");
    agrees(&world, &page);
    service.stop().exits(0);
}

#[test]
fn what_is_incomplete_or_held_is_marked_until_it_is_not() {
    let (world, keys) = hundred();
    let world = listening(world, "");
    let service = Served::start(&world);
    assert!(!page(&service, "/").contains("INCOMPLETE"));
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    world.sync().exits(3);
    let partial = page(&service, "/");
    assert!(partial.contains("INCOMPLETE"), "{partial}");
    assert_eq!(figure(&partial, "Incomplete in the last walk"), "members");
    let error = world.one("SELECT error FROM walks ORDER BY id DESC LIMIT 1");
    assert!(text(&partial).contains(error.lines().next().unwrap()), "{error}: {partial}");
    world.site.clear_faults();
    breaks(&world, &keys, 40);
    let walk = world.held();
    let held = page(&service, "/");
    let removals = world.one("SELECT removals FROM holds WHERE decision IS NULL");
    assert!(held.contains(&format!("{removals} removals wait for a decision")), "{held}");
    assert!(held.contains(&format!("href=\"/walks/{walk}\">Walk {walk} shows them")), "{held}");
    assert!(held.contains("INCOMPLETE") && held.contains("<span class=\"badge warn\">held</span>"), "{held}");
    for reason in world.one("SELECT reasons FROM holds WHERE decision IS NULL").lines() {
        assert!(text(&held).contains(reason), "{reason}: {held}");
    }
    world.walks("approve", walk, &[]).exits(0);
    let settled = page(&service, "/");
    assert!(!settled.contains("wait for a decision") && !settled.contains("INCOMPLETE"), "{settled}");
    service.stop().exits(0);
}

#[test]
fn a_site_of_which_nothing_is_known_says_what_to_do() {
    let world = listening(World::small(), "");
    world.site.add_fault(always(Endpoint::UserList, 500));
    let service = Served::start(&world);
    service.until_walked();
    let failed = page(&service, "/");
    assert!(failed.contains("never applied") && failed.contains("<code>rollbook doctor</code>"), "{failed}");
    assert!(!failed.contains("seats in use"), "no figures where nothing is known: {failed}");
    let error = world.one("SELECT error FROM walks ORDER BY id DESC LIMIT 1");
    assert!(text(&failed).contains(&error), "{error}: {failed}");
    // One that is new, and one that is configured no more.
    world.site.clear_faults();
    world.sync().exits(0);
    let table = world.site_table("new").replace("schedule", "#schedule");
    world.configure(&format!("{table}[http]\nlisten = \"127.0.0.1:0\"\n"));
    service.reload();
    let two = page(&service, "/");
    assert!(two.contains("<code>rollbook sync --site <bdi>new</bdi></code>"), "{two}");
    assert_eq!(figure(&two, "Next walk"), "no schedule");
    assert!(two.contains("not configured") && two.contains("It is configured no longer"), "{two}");
    service.stop().exits(0);
}

#[test]
fn a_stale_site_is_told_with_its_limit() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_walked();
    world.writable().rows("UPDATE walks SET at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-3 days')");
    let stale = page(&service, "/");
    assert!(stale.contains("<span class=\"badge bad\">stale: older than 1 day</span>"), "{stale}");
    assert!(figure(&stale, "Last applied whole").ends_with("3 days ago"), "{stale}");
    service.stop().exits(0);
}
