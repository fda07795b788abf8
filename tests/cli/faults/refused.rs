//! The site refuses the account, wherever in the walk: 77, nothing written, and not one request more.

use super::Kept::{Everything, Exported};
use super::{Export, Row, Site};

/// Where it strikes, and after which request of that kind.
const PLACES: [&str; 8] = ["users", "users:2+", "groups", "groups:2+", "members", "members:4+", "user", "user:2+"];

const REFUSALS: [&str; 6] = [
    "unauthorized=AUTHENTICATED_FAILED",
    "unauthorized=AUTHENTICATION_DENIED",
    "unauthorized=OUT",
    "html-login",
    "login-redirect",
    "anonymous",
];

/// The walk ends at the request that is refused.
#[track_caller]
fn refused(site: &mut Site, what: &str, place: &str) {
    let spelled = format!("{what}@{place}");
    site.world.site.forget_requests();
    site.stir();
    let contents = site.world.database().contents(&["walks"]);
    site.world.site.add_fault(site.fault(&spelled));
    let ran = site.world.sync();
    assert_eq!(ran.exit, 77, "{spelled}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(site.world.last_walk().0, "failed", "{spelled}");
    assert_eq!(site.world.database().contents(&["walks"]), contents, "{spelled}");
    let asked = site.world.site.requests();
    let (endpoint, nth) = place.split_once(':').unwrap_or((place, "1"));
    let nth: usize = nth.trim_end_matches('+').parse().unwrap();
    let (count, path) = match endpoint {
        "users" => (asked.user_list, "/user/getUsersWith"),
        "groups" => (asked.group_list, "/group/getGroups"),
        "members" => (asked.group_members, "/group/getUsers/"),
        "user" => (asked.user_details, "/user/getUserDetails/"),
        _ => (asked.user_export_search, "/confluenceuserexport/"),
    };
    assert_eq!(count, nth, "{spelled}: requests there");
    assert!(asked.recent.back().unwrap().contains(path), "{spelled}: {:?} came after it", asked.recent.back());
    site.is_sound(&spelled);
    site.next(&spelled);
}

#[test]
fn at_any_request_to_extender() {
    let mut site = Site::new(Export::Off).retrying(5).in_flight(1);
    // Each refusal somewhere, and each place in some way.
    for (nth, place) in PLACES.into_iter().enumerate() {
        refused(&mut site, REFUSALS[nth % REFUSALS.len()], place);
    }
}

#[test]
fn at_any_request_to_extender_beside_user_export() {
    let mut site = Site::new(Export::On).retrying(5).in_flight(1);
    for (nth, place) in PLACES.into_iter().take(7).enumerate() {
        refused(&mut site, REFUSALS[(nth + 3) % REFUSALS.len()], place);
    }
}

#[test]
fn at_user_export_with_refused_credentials() {
    for (export, place) in [(Export::Auto, "export-search"), (Export::On, "export-search:2+")] {
        let mut site = Site::new(export).retrying(5).in_flight(1);
        for what in REFUSALS.into_iter().filter(|what| *what != "unauthorized=OUT") {
            refused(&mut site, what, place);
        }
    }
}

#[test]
fn user_export_is_not_for_this_account() {
    // What is no administrator's gets a 401 although its log-in is right.
    for what in ["unauthorized=OK@export-search", "unauthorized=OUT@export-search", "status=403@export-search"] {
        let mut site = Site::new(Export::On).retrying(5);
        site.survives(&Row("User Export refuses, on", &[what], 77, "failed", &[Everything]));

        let mut site = Site::new(Export::Auto).retrying(5);
        site.world.site.forget_requests();
        site.survives(&Row("User Export refuses, auto", &[what], 0, "applied", &[Exported]));
    }
}

#[test]
fn an_account_that_is_refused_by_user_export_is_told_so_after_one_request() {
    let site = Site::new(Export::Auto).retrying(5);
    site.world.site.add_fault(site.fault("unauthorized=OK@export-search"));
    site.world.site.forget_requests();
    let ran = site.world.sync().exits(0);
    assert!(ran.stdout.contains("User Export was not read") && ran.stdout.contains("administrator"), "{}", ran.stdout);
    assert_eq!(site.world.site.requests().user_export_search, 1);
    let world = site.world.key("user_export", "\"on\"");
    world.site.forget_requests();
    world.sync().exits(77).says(&["401", "administrator"]);
    assert_eq!(world.site.requests().user_export_search, 1);
}
