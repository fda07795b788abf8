//! Faults by the table.

use rollbook::simulator::OrganizationSettings;

use super::{Row, Site, survive};

const PARTIAL: &str = "partial";
const FAILED: &str = "failed";
const APPLIED: &str = "applied";

const LOOK_UPS: [Row<'_>; 25] = [
    Row("500 once", &["status=500@users-bulk:2"], 3, PARTIAL),
    Row("500 for ever", &["status=500@users-bulk"], 69, FAILED),
    Row("503 for ever", &["status=503@users-bulk"], 69, FAILED),
    Row("404", &["status=404@users-bulk"], 77, FAILED),
    Row("404 later", &["status=404@users-bulk:2"], 77, FAILED),
    Row("403", &["status=403@users-bulk"], 77, FAILED),
    Row("401 later", &["unauthorized=x@users-bulk:3"], 77, FAILED),
    Row("a log-in page", &["html-login@users-bulk:2"], 77, FAILED),
    Row("blocked", &["status=429;Retry-After=99999999@users-bulk:2"], 69, FAILED),
    Row("no results once", &["no-results@users-bulk:1"], 3, PARTIAL),
    Row("no results", &["no-results@users-bulk"], 69, FAILED),
    Row("no JSON once", &["invalid-json@users-bulk:3"], 3, PARTIAL),
    Row("no JSON", &["invalid-json@users-bulk"], 69, FAILED),
    Row("a malformed record", &["wrong-type=key@users-bulk"], 3, PARTIAL),
    Row("a record of nobody", &["missing=key@users-bulk"], 3, PARTIAL),
    Row("a malformed field", &["wrong-type=email@users-bulk"], 3, PARTIAL),
    Row("a deep picture", &["deep-json@users-bulk:2"], 0, APPLIED),
    Row("nobody", &["empty-list@users-bulk"], 69, FAILED),
    Row("nobody of a batch once", &["empty-list@users-bulk:2"], 0, APPLIED),
    Row("a redirect elsewhere", &["redirect={other}@users-bulk:2"], 3, PARTIAL),
    Row("a broken connection", &["reset@users-bulk:2"], 3, PARTIAL),
    Row("cut short", &["truncate@users-bulk:2"], 3, PARTIAL),
    Row("cut without a trace", &["truncate-close@users-bulk:2"], 3, PARTIAL),
    Row("a bomb of gzip", &["gzip-bomb=70@users-bulk:2"], 3, PARTIAL),
    Row("no answer", &["hang@users-bulk:2"], 3, PARTIAL),
];

#[test]
fn of_look_ups() {
    survive(Site::new(None), &LOOK_UPS);
}

#[test]
fn of_a_walk_that_runs_out_of_time() {
    let mut site = Site::organized();
    site.world = site.world.limit("walk_deadline", "\"1s\"").limit("concurrency", 1);
    for endpoint in ["users-bulk", "cloud-members", "org-users"] {
        let when = format!("slow at {endpoint}");
        let (ran, _) = site.outlives(vec![format!("slow=350@{endpoint}").parse().unwrap()], &when);
        // Where no time is left for a single look-up nothing can be applied.
        assert!([3, 69].contains(&ran.exit), "{when}: {}{}", ran.stdout, ran.stderr);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("limits.walk_deadline"), "{when}");
        site.world = site.world.limit("walk_deadline", "\"1m\"");
        site.next(&when);
        site.world = site.world.limit("walk_deadline", "\"1s\"");
    }
}

#[test]
fn of_a_first_walk() {
    for (faults, exit) in [
        (&["status=500@search", "status=500@cloud-groups"][..], 69),
        (&["empty-list@search", "empty-list@cloud-groups"], 77),
        (&["empty-list@search", "empty-list@cloud-members"], 77),
        (&["status=500@search"], 3),
        (&["empty-list@users-bulk"], 69),
    ] {
        let world = super::World::cloud(super::settings(24, None));
        faults.iter().for_each(|fault| world.site.add_fault(fault.parse().unwrap()));
        let ran = world.sync();
        assert_eq!(ran.exit, exit, "{faults:?}: {}{}", ran.stdout, ran.stderr);
        world.is_sound();
        super::heals(&world, &format!("{faults:?}"));
    }
}

#[test]
fn of_look_ups_that_are_sent_again() {
    let rows = [
        Row("500 once", &["status=500@users-bulk:2"], 0, APPLIED),
        Row("no results once", &["no-results@users-bulk:2"], 0, APPLIED),
        Row("503 that asks for time", &["status=503;Retry-After=1@users-bulk:2"], 0, APPLIED),
        Row("429 that asks for time", &["status=429;Retry-After=1@users-bulk:2"], 0, APPLIED),
        Row("429 of the search", &["status=429;Retry-After=1@search:1"], 0, APPLIED),
        Row("cut short", &["truncate-chunked@users-bulk:2"], 0, APPLIED),
    ];
    survive(Site::new(None).retrying(2), &rows);
}

#[test]
fn of_the_search() {
    let rows = [
        Row("500", &["status=500@search"], 3, PARTIAL),
        Row("500 later", &["status=500@search:2+"], 3, PARTIAL),
        Row("403", &["status=403@search"], 3, PARTIAL),
        Row("404", &["status=404@search"], 3, PARTIAL),
        Row("401", &["unauthorized=x@search:2"], 77, FAILED),
        Row("its page again", &["repeat-page@search"], 3, PARTIAL),
        Row("its first page for ever", &["ignore-start-at@search"], 3, PARTIAL),
        Row("smaller pages", &["cap-pages=5@search"], 0, APPLIED),
        Row("no results", &["no-results@search"], 3, PARTIAL),
        Row("a total too small", &["total=3@search"], 0, APPLIED),
        Row("a total too large", &["total=+7@search"], 0, APPLIED),
        Row("a total that moves", &["total=moves@search"], 0, APPLIED),
        Row("a malformed row", &["missing=key@search"], 3, PARTIAL),
        Row("a deep row", &["deep-json@search"], 0, APPLIED),
        Row("names with NUL", &["nul-name@search"], 0, APPLIED),
        Row("a huge name", &["huge-name@search"], 0, APPLIED),
        Row("a redirect elsewhere", &["redirect={other}@search"], 3, PARTIAL),
        Row("neither search nor groups for now", &["status=500@search", "status=500@cloud-groups"], 3, PARTIAL),
        Row("neither search nor groups", &["status=403@search", "status=403@cloud-groups"], 77, FAILED),
        Row("nothing is there", &["status=404"], 69, FAILED),
    ];
    survive(Site::new(None), &rows);
}

#[test]
fn of_groups() {
    let rows = [
        Row("no list", &["status=500@cloud-groups"], 3, PARTIAL),
        Row("no end of the list", &["status=500@cloud-groups:2+"], 3, PARTIAL),
        Row("the list is forbidden", &["status=403@cloud-groups"], 3, PARTIAL),
        Row("an empty list", &["empty-list@cloud-groups"], 3, PARTIAL),
        Row("its first page for ever", &["ignore-start-at@cloud-groups"], 3, PARTIAL),
        Row("a malformed group", &["missing=key@cloud-groups:1"], 3, PARTIAL),
        Row("a group without a name", &["missing=name@cloud-groups:1"], 3, PARTIAL),
        Row("smaller pages", &["cap-pages=3@cloud-groups", "cap-pages=3@cloud-members"], 0, APPLIED),
        Row("no members of one", &["status=500@cloud-members/team"], 3, PARTIAL),
        Row("half of the members of one", &["status=500@cloud-members/everyone:2+"], 3, PARTIAL),
        Row("members are forbidden", &["status=403@cloud-members"], 3, PARTIAL),
        Row("no results", &["no-results@cloud-members/team"], 3, PARTIAL),
        Row("a malformed member", &["wrong-type=key@cloud-members/team"], 3, PARTIAL),
        Row("the first page for ever", &["ignore-start-at@cloud-members/everyone"], 3, PARTIAL),
        Row("empty once", &["empty-list@cloud-members/team:1"], 0, APPLIED),
        Row("a redirect elsewhere", &["redirect={other}@cloud-members/team"], 3, PARTIAL),
        Row("401", &["unauthorized=x@cloud-members:3"], 77, FAILED),
        Row("cut short", &["truncate@cloud-members/team"], 3, PARTIAL),
    ];
    survive(Site::new(None), &rows);
}

#[test]
fn of_an_organization() {
    let rows = [
        Row("500 later", &["status=500@org-users:2"], 3, PARTIAL),
        Row("500", &["status=500@org-users"], 3, PARTIAL),
        Row("the key is refused", &["unauthorized=x@org-users"], 77, FAILED),
        Row("forbidden altogether", &["status=403@org-users", "status=403@org-last-active"], 77, FAILED),
        Row("the same cursor for ever", &["constant-next@org-users"], 3, PARTIAL),
        Row("the first page for ever", &["ignore-start-at@org-users"], 3, PARTIAL),
        Row("no data", &["no-results@org-users:1"], 3, PARTIAL),
        Row("a malformed record", &["missing=key@org-users:1"], 3, PARTIAL),
        Row("deep products", &["deep-json@org-users:1"], 3, PARTIAL),
        Row("names with NUL", &["nul-name@org-users"], 0, APPLIED),
        Row("a redirect elsewhere", &["redirect={other}@org-users:2"], 3, PARTIAL),
        Row("a log-in page", &["html-login@org-users:2"], 77, FAILED),
        Row("cut short", &["truncate@org-users:2"], 3, PARTIAL),
    ];
    survive(Site::organized(), &rows);
}

#[test]
fn of_dates_told_one_by_one() {
    let organization = OrganizationSettings { bulk: false, ..OrganizationSettings::default() };
    let rows = [
        Row("500 of one", &["status=500@org-last-active:3"], 3, PARTIAL),
        Row("forbidden", &["status=403@org-last-active:3"], 77, FAILED),
        Row("the key is refused", &["unauthorized=x@org-last-active:3"], 77, FAILED),
    ];
    let mut site = Site::new(None);
    site.world = super::World::cloud(super::settings(24, Some(organization))).unguarded().limit("page_size", 12);
    site.world.sync().exits(0);
    // The dates are whole days there; nothing but the exit code and what is applied is compared.
    for Row(name, faults, exit, status) in &rows {
        let contents = site.world.database().contents(&["walks"]);
        super::walks_with(&site.world, faults[0], *exit);
        assert_eq!(site.world.last_walk().0, *status, "{name}");
        assert_eq!(site.world.database().contents(&["walks"]), contents, "{name}: nothing happened at the site");
        site.world.sync().exits(0);
        site.world.is_sound();
    }
}
