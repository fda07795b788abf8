//! Faults of the lists that REST API Extender serves, with User Export off and on.

use super::Kept::{Deleted, Everything, Groups, Nothing, Team, Unlisted};
use super::{Export, Row, Site, survive};

const FIRST_PAGE: &[Row<'_>] = &[
    Row("the first page fails", &["reset@users"], 69, "failed", &[Everything]),
    Row("the first page fails", &["status=400@users"], 69, "failed", &[Everything]),
    Row("the first page is cut short, by its length", &["truncate@users"], 69, "failed", &[Everything]),
    Row("the first page is cut short, in chunks", &["truncate-chunked@users"], 69, "failed", &[Everything]),
    Row("the first page is cut short, unseen", &["truncate-close@users"], 69, "failed", &[Everything]),
    Row("an odd status", &["odd-status@users"], 69, "failed", &[Everything]),
    Row("an empty list where users were known", &["empty-list@users"], 69, "failed", &[Everything]),
    Row("another origin", &["redirect={other}@users"], 69, "failed", &[Everything]),
    Row("503 for ten years", &["status=503;Retry-After=315360000@users"], 69, "failed", &[Everything]),
    Row("no answer", &["hang@users"], 69, "failed", &[Everything]),
    Row("a byte a second", &["trickle-forever@users"], 69, "failed", &[Everything]),
];

const A_LATER_PAGE: &[Row<'_>] = &[
    Row("a page always fails", &["reset@users:2+"], 3, "partial", &[Unlisted]),
    Row("a page always fails", &["status=503@users:3+"], 3, "partial", &[Unlisted]),
    Row("a page always fails", &["status=404@users:2+"], 3, "partial", &[Unlisted]),
    Row("a page is cut short, in chunks", &["truncate-chunked@users:2+"], 3, "partial", &[Unlisted]),
    Row("a page is cut short, unseen", &["truncate-close@users:3+"], 3, "partial", &[Unlisted]),
    Row("an odd status", &["odd-status@users:2+"], 3, "partial", &[Unlisted]),
    Row("an empty page, once", &["empty-list@users:3"], 0, "applied", &[Nothing]),
    Row("another origin", &["redirect={other}@users:2+"], 3, "partial", &[Unlisted]),
    Row("no answer", &["hang@users:2"], 3, "partial", &[Unlisted]),
    Row("a byte a second", &["trickle-forever@users:4"], 3, "partial", &[Unlisted]),
];

const A_GROUP: &[Row<'_>] = &[
    Row("one group always fails", &["reset@members/team"], 3, "partial", &[Team]),
    Row("one group always fails", &["status=500@members/team"], 3, "partial", &[Team]),
    Row("one group is refused", &["status=403@members/team"], 3, "partial", &[Team]),
    Row("one group is cut short, in chunks", &["truncate-chunked@members/team"], 3, "partial", &[Team]),
    Row("one group is cut short, unseen", &["truncate-close@members/team:2+"], 3, "partial", &[Team]),
    Row("an odd status of one group", &["odd-status@members/team"], 3, "partial", &[Team]),
    Row("another origin", &["redirect={other}@members/team"], 3, "partial", &[Team]),
    Row("startAt ignored", &["ignore-start-at@members/team"], 3, "partial", &[Team]),
    Row("a page again and again", &["repeat-page@members/team"], 3, "partial", &[Team]),
    Row("a total that is too large", &["total=+9@members/team"], 3, "partial", &[Team]),
    Row("all groups fail", &["status=502@members"], 3, "partial", &[Groups]),
    Row("no answer", &["hang@members/team", "trickle-forever@members/everyone:2"], 3, "partial", &[Team]),
];

const THE_LIST_OF_GROUPS: &[Row<'_>] = &[
    Row("the list of groups fails", &["reset@groups"], 3, "partial", &[Groups]),
    Row("a page of it fails", &["status=500@groups:2+"], 3, "partial", &[]),
    Row("a page of it is refused", &["status=403@groups:2+"], 3, "partial", &[]),
    Row("the list of groups is not there", &["status=404@groups"], 3, "partial", &[Groups]),
    Row("it is cut short, in chunks", &["truncate-chunked@groups"], 3, "partial", &[Groups]),
    Row("it is cut short, unseen", &["truncate-close@groups"], 3, "partial", &[Groups]),
    Row("an odd status", &["odd-status@groups"], 3, "partial", &[Groups]),
    Row("an empty page", &["empty-list@groups:2+"], 3, "partial", &[]),
    Row("another origin", &["redirect={other}@groups"], 3, "partial", &[Groups]),
    Row("startAt ignored", &["ignore-start-at@groups"], 3, "partial", &[]),
    Row("a page again and again", &["repeat-page@groups"], 3, "partial", &[]),
    Row("no answer", &["hang@groups"], 3, "partial", &[Groups]),
];

const LOOK_UPS: &[Row<'_>] = &[
    Row("look-ups fail", &["reset@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("look-ups fail", &["status=500@user:1", "status=503@user:2+"], 3, "partial", &[Deleted]),
    Row("look-ups are refused", &["status=403@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("look-ups answer no JSON", &["invalid-json@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("another origin", &["redirect={other}@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("no answer", &["hang@user"], 3, "partial", &[Unlisted, Deleted]),
];

/// The list comes in another shape, and nothing of it is missing.
const PAGING: &[Row<'_>] = &[
    Row("maxResults capped", &["cap-pages=5"], 0, "applied", &[Nothing]),
    Row("maxResults capped to one", &["cap-pages=1@users", "cap-pages=3@members"], 0, "applied", &[Nothing]),
    Row("maxResults ignored", &["ignore-max-results"], 0, "applied", &[Nothing]),
    Row("a total that moves", &["total=moves@groups:1"], 0, "applied", &[Nothing]),
    Row("answers that are late", &["slow=30"], 0, "applied", &[Nothing]),
];

/// `total` moves, `startAt` is ignored, a page comes again: it always ends.
const LIES: &[Row<'_>] = &[
    Row("a total that moves", &["total=moves@users"], 3, "partial", &[Unlisted]),
    Row("a total that is too large", &["total=+5@users"], 3, "partial", &[Unlisted]),
    Row("startAt ignored", &["ignore-start-at@users"], 3, "partial", &[Unlisted]),
    Row("a page again and again", &["repeat-page@users"], 3, "partial", &[Unlisted]),
    Row("startAt ignored everywhere", &["ignore-start-at"], 3, "partial", &[Unlisted, Groups]),
    Row("a total that moves everywhere", &["total=moves"], 3, "partial", &[Unlisted]),
];

const CUT_LOOK_UPS: &[Row<'_>] = &[
    Row("look-ups are cut short, in chunks", &["truncate-chunked@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("look-ups are cut short, unseen", &["truncate-close@user"], 3, "partial", &[Unlisted, Deleted]),
];

/// With User Export a 404 by name is proof, and a 404 has no body that could be missed.
const CUT_LOOK_UPS_BESIDE_USER_EXPORT: &[Row<'_>] =
    &[Row("look-ups are cut short, in chunks", &["truncate-chunked@user"], 0, "applied", &[Nothing])];

/// A site that answers 500 to every look-up is not told from one that answers so where nobody has the name.
const ALL_LOOK_UPS: &[Row<'_>] = &[Row("look-ups fail", &["status=500@user"], 3, "partial", &[Unlisted, Deleted])];

/// Every second row, and none that waits for a time-out: the same code reads these lists.
fn survive_some(site: Site, table: &[Row<'_>]) {
    let late = |row: &Row<'_>| row.1.iter().any(|fault| fault.starts_with("hang") || fault.starts_with("trickle"));
    survive(site, table.iter().filter(|row| !late(row)).step_by(2));
}

macro_rules! both {
    ($($name:ident: $table:expr;)*) => {
        mod off {
            use super::*;
            $(#[test] fn $name() { survive(Site::new(Export::Off), $table) })*
        }
        mod on {
            use super::*;
            $(#[test] fn $name() { survive_some(Site::new(Export::On), $table) })*
        }
    };
}

both! {
    the_first_page_of_the_user_list: FIRST_PAGE;
    a_later_page_of_the_user_list: A_LATER_PAGE;
    the_members_of_a_group: A_GROUP;
    the_list_of_groups: THE_LIST_OF_GROUPS;
    look_ups: LOOK_UPS;
    other_ways_of_paging: PAGING;
    lists_that_lie: LIES;
}

#[test]
fn look_ups_cut_short() {
    survive(Site::new(Export::Off), CUT_LOOK_UPS);
    survive(Site::new(Export::On), CUT_LOOK_UPS_BESIDE_USER_EXPORT);
}

#[test]
fn all_look_ups_fail() {
    survive(Site::new(Export::Off), ALL_LOOK_UPS);
}
