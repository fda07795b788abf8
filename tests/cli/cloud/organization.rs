//! Last-active dates by the organization: which site's they are, and what is known when it does not tell.

use rollbook::simulator::{CloudSettings, OrganizationSettings, Settings};

use super::{CloudPicture, heals, settings, truth, walks_with};
use crate::support::World;

const ACTIVE: &str = "SELECT key, last_active_at FROM users WHERE last_active_at IS NOT NULL ORDER BY key";

fn organized(cloud: CloudSettings) -> World {
    World::cloud(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() })
}

#[test]
fn a_page_that_fails_leaves_known_dates_as_they_are() {
    let world = World::cloud(settings(60, Some(OrganizationSettings::default()))).limit("page_size", 20);
    heals(&world, "the first walk");
    let before = world.rows(ACTIVE);
    assert!(before.len() > 20);
    walks_with(&world, "status=500@org-users:2", 3).prints(&["the organization"]);
    assert_eq!((world.last_walk().0.as_str(), world.rows(ACTIVE)), ("partial", before.clone()));
    walks_with(&world, "constant-next@org-users", 3).prints(&["the same cursor again"]);
    assert_eq!(world.rows(ACTIVE), before);
    heals(&world, "again");
}

#[test]
fn a_constant_cursor_ends() {
    let world = World::cloud(settings(60, Some(OrganizationSettings::default()))).limit("page_size", 20);
    world.site.forget_requests();
    walks_with(&world, "constant-next@org-users", 3);
    assert!(world.site.requests().org_users <= 3, "{}", world.site.requests().org_users);
    heals(&world, "another cursor");
}

/// Every date is that of this very site, however it is found out which one it is.
#[test]
fn the_date_is_that_of_this_site() {
    let cloud = CloudSettings::default();
    let told = organized(cloud.clone());
    heals(&told, "by what the site says of itself");
    let unspoken = CloudSettings { tenant: false, ..cloud.clone() };
    let inferred = organized(unspoken.clone());
    heals(&inferred, "by whoever uses one site alone");
    let configured = organized(unspoken).key("cloud_id", &format!("\"{}\"", cloud.cloud_id));
    heals(&configured, "as configured");
    let gateway = organized(cloud).credentials("token = \"audit-token\"");
    let url = gateway.site.gateway_url().to_owned();
    heals(&gateway.at(&url), "by the address of the gateway");
    assert_eq!(told.rows(ACTIVE), inferred.rows(ACTIVE));
}

#[test]
fn another_sites_id_tells_nothing_about_this_one() {
    let world = organized(CloudSettings::default()).key("cloud_id", "\"00000000-0000-4000-8000-00000000dead\"");
    world.sync().exits(0);
    assert_eq!(world.rows(ACTIVE), [""; 0]);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE last_active_known = 1"), "0", "nor that it never was");
    // Once it is corrected the dates come, although no byte of the directory changed.
    heals(&world.key("cloud_id", "\"1a2b3c4d-0000-4000-8000-000000000001\""), "corrected");
}

#[test]
fn a_wrong_id_of_the_organization_is_named() {
    let world =
        organized(CloudSettings::default()).organization("id", "\"another\"").organization("lookups_per_walk", "5");
    world.site.forget_requests();
    world.sync().exits(3).prints(&["organization.id"]);
    let asked = world.site.requests();
    assert!(asked.org_users + asked.org_last_active <= 6, "{asked:?}");
    assert_eq!(world.one("SELECT count(*) FROM users WHERE last_active_known = 1"), "0");
    let mut mirror = CloudPicture::of_mirror(&world, "corp");
    let mut site = truth(&world.without_organization());
    for picture in [&mut mirror, &mut site] {
        picture.users.values_mut().for_each(|user| drop(user.insert("last_active_at", String::new())));
    }
    mirror.assert_is(&site, "all but the dates");
}

#[test]
fn without_an_organization_nobody_is_called_idle() {
    let world = super::sixty();
    let report = world.run(&["report", "inactive", "--param", "days=0", "--format", "json"]).exits(0).json();
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.len() > 40 && rows.iter().all(|row| row["reason"] == "unknown"), "{report}");
}

#[test]
fn a_budget_of_none_asks_nobody() {
    let organization = OrganizationSettings { bulk: false, ..OrganizationSettings::default() };
    let world = organized(CloudSettings { organization: Some(organization), ..CloudSettings::default() });
    let world = world.organization("lookups_per_walk", "0");
    world.sync().exits(0);
    assert_eq!(world.site.requests().org_last_active, 0);
    assert_eq!(world.one("SELECT count(*) FROM accounts WHERE last_active_known IS NOT NULL"), "0");
    world.run(&["status"]).exits(0);
}

#[test]
fn an_organization_that_limits_the_rate_holds_only_dates_back() {
    let world = World::cloud(settings(60, Some(OrganizationSettings::default()))).limit("page_size", 20);
    heals(&world, "the first walk");
    let before = world.rows(ACTIVE);
    world.change(|site| drop(site.add("newcomer")));
    walks_with(&world, "status=429@org-users:2", 3).prints(&["the organization", "429"]);
    assert_eq!(world.last_walk().0, "partial");
    assert_eq!(world.one("SELECT status FROM users WHERE name = 'newcomer'"), "active");
    assert_eq!(world.rows(ACTIVE), before);
    heals(&world, "another walk");
}

#[test]
fn whom_the_organization_did_not_answer_about_is_asked_about_again() {
    let organization = OrganizationSettings { bulk: false, ..OrganizationSettings::default() };
    let world = organized(CloudSettings { organization: Some(organization), ..CloudSettings::default() });
    let world = world.organization("lookups_per_walk", "100").limit("concurrency", 1);
    world.sync().exits(0);
    let world = world.organization("lookups_per_walk", "7");
    let asked = |world: &World| {
        world.site.forget_requests();
        let exit = world.sync().exit;
        let mut paths: Vec<String> = world.site.requests().recent.into_iter().collect();
        paths.retain(|path| path.contains("last-active-dates") && !path.contains("cursor"));
        paths.dedup();
        (exit, paths)
    };
    let (exit, first) = asked(&world);
    assert_eq!((exit, first.len()), (0, 7));
    for status in ["429", "500"] {
        world.site.add_fault(format!("status={status}@org-last-active:4+").parse().unwrap());
        let (exit, failed) = asked(&world);
        assert_eq!(exit, 3, "{status}");
        world.site.clear_faults();
        let (exit, next) = asked(&world);
        assert_eq!(exit, 0, "{status}");
        assert!(failed.len() > 1 && next.contains(failed.last().unwrap()), "{status}: {failed:?}, then {next:?}");
        assert!(!next.contains(&failed[0]), "{status}: {failed:?}, then {next:?}");
    }
}
