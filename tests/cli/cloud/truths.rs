//! What a walk must not say: what was not known then, what another site told, what half an answer makes one think.

use rollbook::simulator::{CloudSettings, Endpoint, OrganizationSettings, Settings};

use super::{heals, settings, sixty, walks_with};
use crate::support::{World, rewritten};

const ACTIVE: &str = "SELECT key, last_active_at FROM users WHERE last_active_at IS NOT NULL ORDER BY key";

fn organized(cloud: CloudSettings) -> World {
    World::cloud(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() })
}

/// The reasons that `inactive` gives.
fn reasons(world: &World, as_of: &str) -> Vec<String> {
    let report = world.run(&["report", "inactive", "--param", "days=0", "--format", "json", "--as-of", as_of]);
    let rows = report.exits(0).json()["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn before_the_organization_was_asked_nobody_had_never_been_active() {
    let world = organized(CloudSettings::default());
    let without = world.path("without.toml");
    let table = world.site_table("corp");
    let (site, rest) = table.split_once("\n[sites.corp.organization]").unwrap();
    let limits = rest.find("\n[").map_or("", |at| &rest[at..]);
    std::fs::write(&without, format!("{site}\n{limits}")).unwrap();
    world.run(&["--config", without.to_str().unwrap(), "sync"]).exits(0);
    let then = world.one("SELECT replace(at, ' ', 'T') || 'Z' FROM walks WHERE id = 1");
    heals(&world, "with the organization");
    let now = reasons(&world, &world.one("SELECT date('now')"));
    assert!(now.contains(&"never".to_owned()) && now.contains(&"idle".to_owned()), "{now:?}");
    let before = reasons(&world, &then);
    assert!(before.len() > 40 && before.iter().all(|reason| reason == "unknown"), "{before:?}");
}

#[test]
fn dates_of_another_site_go_with_its_id() {
    let own = "\"1a2b3c4d-0000-4000-8000-000000000001\"";
    let world = organized(CloudSettings::default()).limit("page_size", 20);
    world.sync().exits(0);
    let right = world.rows(ACTIVE);
    let world = world.key("cloud_id", "\"00000000-0000-4000-8000-00000000dead\"");
    // Half a directory is no reason to believe in another id.
    walks_with(&world, "status=500@org-users:2", 3);
    assert_eq!(world.rows(ACTIVE), right);
    world.sync().exits(0);
    assert_eq!(world.rows(ACTIVE), [""; 0], "what was told was that of another site");
    assert_eq!(world.one("SELECT count(*) FROM logins WHERE kind = 'active'"), "0");
    let world = world.key("cloud_id", own);
    heals(&world, "corrected");
    assert_eq!(world.rows(ACTIVE), right);
}

#[test]
fn half_a_directory_does_not_tell_which_site_this_is() {
    let cloud = CloudSettings { tenant: false, ..CloudSettings::default() };
    let world = organized(cloud).limit("page_size", 20);
    walks_with(&world, "status=500@org-users:2", 3);
    assert_eq!(world.rows(ACTIVE), [""; 0]);
    assert_eq!(world.one("SELECT coalesce(cloud_id, 'none') FROM sites"), "none");
    heals(&world, "the whole directory");
}

#[test]
fn an_organization_that_is_asked_no_more_is_told() {
    let world = World::cloud(settings(30, Some(OrganizationSettings::default())));
    heals(&world, "the first walk");
    let world = world.without_organization();
    world.sync().exits(0).prints(&["no organization is configured any more"]);
    world.run(&["status"]).exits(0).prints(&["no organization is configured any more"]);
}

#[test]
fn a_site_that_answers_about_nobody_is_no_site_of_nobody() {
    let world = World::cloud(settings(60, None));
    walks_with(&world, "empty-list@users-bulk", 69);
    assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'applied'"), "0");
    // One short answer is asked for again.
    walks_with(&world, "empty-list@users-bulk:1", 0);
    heals(&world, "at last");
    assert_eq!(world.one("SELECT count(*) FROM changes WHERE not_before IS NOT NULL AND kind LIKE 'member.%'"), "0");
}

#[test]
fn two_answers_429_are_no_blocked_account() {
    let world = sixty().limit("retries", 5);
    for nth in 1..=2 {
        world.site.add_fault(format!("status=429;Retry-After=0@users-bulk:{nth}").parse().unwrap());
    }
    world.sync().exits(0);
    heals(&world, "again");
}

#[test]
fn batches_that_run_out_of_time_are_halved_as_far_as_it_takes() {
    let world = World::cloud(settings(120, None)).limit("retries", 1).limit("request_timeout", "\"1s\"");
    // Too much are the first few, all of them large.
    for nth in 1..=4 {
        world.site.add_fault(format!("slow=3000@users-bulk:{nth}").parse().unwrap());
    }
    world.sync().exits(0);
    assert!(world.site.requests().batches.iter().any(|ids| *ids <= 30), "{:?}", world.site.requests().batches);
    heals(&world, "in time");
}

#[test]
fn a_group_outside_the_filter_is_read_on_once_it_is_mirrored() {
    let world = World::cloud(settings(40, None));
    world.sync().exits(0);
    let groups = world.rows("SELECT name FROM groups ORDER BY name");
    let world = world.key("group_filter", "\"everyone\"").unguarded();
    let key = world.change(|site| {
        let key = site.add("newcomer");
        site.join(&key, "dept-sales");
        site.look();
        key
    });
    assert!(!key.is_empty());
    world.sync().exits(0);
    assert_eq!(world.rows("SELECT name FROM groups WHERE removed_at IS NULL ORDER BY name").len(), groups.len());
    heals(&world, "outside the filter");
}

#[test]
fn a_held_deactivation_is_held_as_a_whole() {
    let world = World::cloud(settings(60, None));
    world.sync().exits(0);
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().take(30).map(|user| user.key.clone()).collect();
        keys.iter().for_each(|key| site.users.get_mut(key).unwrap().enabled = false);
        site.look();
    });
    world.sync().exits(4);
    let words = "SELECT count(*) FROM users WHERE status = 'active' AND account_status <> 'active'";
    assert_eq!(world.one(words), "0");
    let walk = world.one("SELECT max(id) FROM walks");
    world.run(&["walks", "approve", &walk]).exits(0);
    assert_eq!(
        world.one("SELECT count(*) FROM users WHERE status = 'deactivated' AND account_status <> 'inactive'"),
        "0"
    );
    world.sync().exits(0).prints(&["0 changes"]);
    heals(&world, "approved");
}

#[test]
fn a_reply_without_products_is_no_never() {
    let organization = OrganizationSettings { bulk: false, ..OrganizationSettings::default() };
    let world = organized(CloudSettings { organization: Some(organization), ..CloudSettings::default() });
    let renamed = |body: String| body.replace("\"product_access\"", "\"products\"");
    world.site.add_fault(rewritten(Endpoint::OrgLastActive, renamed));
    world.sync().exits(0);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE last_active_known = 1"), "0");
    assert!(reasons(&world, &world.one("SELECT date('now')")).iter().all(|reason| reason == "unknown"));
}
