//! Faults of User Export's list: what Extender tells is applied, what User Export alone tells stays as it was.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use super::Kept::{Everything, Exported, Nothing};
use super::{Export, Row, Site, survive};

const FIRST_PAGE: &[Row<'_>] = &[
    Row("its first page fails", &["reset@export-search"], 3, "partial", &[Exported]),
    Row("its first page fails", &["status=500@export-search"], 3, "partial", &[Exported]),
    Row("its first page fails", &["status=400@export-search"], 3, "partial", &[Exported]),
    Row("no JSON", &["invalid-json@export-search"], 3, "partial", &[Exported]),
    Row("cut short, by its length", &["truncate@export-search"], 3, "partial", &[Exported]),
    Row("cut short, in chunks", &["truncate-chunked@export-search"], 3, "partial", &[Exported]),
    Row("cut short, unseen", &["truncate-close@export-search"], 3, "partial", &[Exported]),
    Row("another origin", &["redirect={other}@export-search"], 3, "partial", &[Exported]),
    Row("an empty list where users were known", &["empty-list@export-search"], 3, "partial", &[Exported]),
    Row("no answer", &["hang@export-search"], 3, "partial", &[Exported]),
    Row("a byte a second", &["trickle-forever@export-search"], 3, "partial", &[Exported]),
    Row("503 for ten years", &["status=503;Retry-After=315360000@export-search"], 3, "partial", &[Exported]),
    Row("a blocked account", &["status=429;Retry-After=99999999@export-search"], 69, "failed", &[Everything]),
];

const A_LATER_PAGE: &[Row<'_>] = &[
    Row("a later page fails", &["reset@export-search:2+"], 3, "partial", &[]),
    Row("a later page fails", &["status=500@export-search:3+"], 3, "partial", &[]),
    Row("a later page is refused", &["status=403@export-search:3+"], 3, "partial", &[]),
    Row("a later page is not there", &["status=404@export-search:2+"], 3, "partial", &[]),
    Row("no JSON", &["invalid-json@export-search:3+"], 3, "partial", &[]),
    Row("cut short, in chunks", &["truncate-chunked@export-search:2+"], 3, "partial", &[]),
    Row("cut short, unseen", &["truncate-close@export-search:3+"], 3, "partial", &[]),
    Row("another origin", &["redirect={other}@export-search:2+"], 3, "partial", &[]),
    Row("no answer", &["hang@export-search:2"], 3, "partial", &[]),
    Row("a blocked account", &["status=429;Retry-After=99999999@export-search:2+"], 69, "failed", &[Everything]),
];

const PAGING: &[Row<'_>] = &[
    Row("pageSize capped", &["cap-pages=5@export-search"], 0, "applied", &[Nothing]),
    Row("pageSize capped to two", &["cap-pages=2@export-search"], 0, "applied", &[Nothing]),
    Row("pageSize ignored", &["ignore-max-results@export-search"], 0, "applied", &[Nothing]),
    Row("late", &["slow=50@export-search"], 0, "applied", &[Nothing]),
    Row("offset ignored", &["ignore-start-at@export-search"], 3, "partial", &[]),
    Row("a page again and again", &["repeat-page@export-search"], 3, "partial", &[]),
];

#[test]
fn the_first_page() {
    survive(Site::new(Export::On), FIRST_PAGE);
}

#[test]
fn the_first_page_when_it_is_read_where_it_is_there() {
    let answered = |row: &&Row<'_>| row.1[0].starts_with("status") || row.1[0].starts_with("empty");
    survive(Site::new(Export::Auto), FIRST_PAGE.iter().filter(answered));
}

#[test]
fn a_later_page() {
    survive(Site::new(Export::On), A_LATER_PAGE);
}

#[test]
fn ways_of_paging() {
    survive(Site::new(Export::On), PAGING);
}

#[test]
fn an_app_that_is_not_there_any_more() {
    let mut site = Site::new(Export::Auto);
    site.survives(&Row("404, auto", &["status=404@export-search"], 0, "applied", &[]));
    site.survives(&Row("405, auto", &["status=405@export-search"], 0, "applied", &[]));
    let mut site = Site::new(Export::On);
    site.survives(&Row("404, on", &["status=404@export-search"], 3, "partial", &[Exported]));
}

/// Users nobody but User Export shows, beside those whom Extender shows, too.
fn hidden(site: &Site) -> Vec<String> {
    let keys = site.world.change(|site| {
        let keys: Vec<String> = (0..4).map(|nth| site.add(&format!("z.hidden.{nth}"))).collect();
        for (nth, key) in keys.iter().enumerate() {
            site.leave_all(key);
            site.users.get_mut(key).unwrap().enabled = nth % 2 == 0;
        }
        site.look();
        keys
    });
    site.heals("users in no group");
    keys
}

const SUDDENLY: [(&str, bool); 4] = [("none", false), ("half", false), ("half", true), ("one", false)];

#[test]
fn a_list_that_is_suddenly_short_closes_nobody() {
    for (left, more) in SUDDENLY {
        let when = format!("{left} of the users, hasNextPage {more}");
        let site = Site::new(Export::On);
        let keys = hidden(&site);
        let before = site.mirror();
        // The first page alone, or a part of it, as if that were all.
        let short = FaultKind::rewrite(move |body| {
            let page: serde_json::Value = serde_json::from_str(&body).unwrap();
            let users = page["users"].as_array().unwrap();
            let end = match left {
                "none" => 0,
                "one" => 1,
                _ => users.len() / 2,
            };
            serde_json::json!({ "users": users[..end], "hasNextPage": more }).to_string()
        });
        site.world.site.add_fault(Fault::always(Target::at(Endpoint::UserExportSearch), short));
        let ran = site.world.sync();
        assert!([0, 3, 4].contains(&ran.exit), "{when}: {}{}", ran.stdout, ran.stderr);
        let closed = site.world.rows(
            "SELECT kind, user_id FROM changes WHERE kind IN ('user.access-lost', 'user.missing', 'user.deleted', \
             'member.removed', 'group.removed') AND walk_id = (SELECT max(id) FROM walks)",
        );
        assert_eq!(closed, [""; 0], "{when}");
        let mirror = site.mirror();
        for key in &keys {
            assert_eq!(mirror.users[key]["status"], before.users[key]["status"], "{when}: {key}");
        }
        site.is_sound(&when);
        site.heals(&when);
    }
}
