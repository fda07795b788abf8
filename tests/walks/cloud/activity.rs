//! Last-active dates where the organization does not tell them in bulk: some users are asked about in each walk.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::Timestamp;
use rollbook::render::Value;
use rollbook::report::{self, Request};
use rollbook::simulator::{Endpoint, Fault, FaultKind, OrganizationSettings, Settings, Target, account_id};
use rollbook::sync::WalkStatus;
use sqlx::Row;

use super::{Door, cloud, settings};
use crate::support::{World, assert_invariants, content_but_walks};

const BUDGET: usize = 12;

async fn one_by_one(users: usize, organization: OrganizationSettings) -> World {
    let mut world = cloud(Settings { seed: 21, ..settings(users, 21, Some(organization)) }, Door::Site).await;
    world.site.organization.as_mut().unwrap().lookups_per_walk = BUDGET as u32;
    world
}

/// By account id: `last_active_known` as stored, and when.
async fn known(world: &World) -> BTreeMap<String, (Option<i64>, Option<String>)> {
    let rows = sqlx::query("SELECT key, last_active_known, last_active_at FROM accounts WHERE status <> 'deleted'")
        .fetch_all(&mut world.reader().await)
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// Whom the last walk asked about, by account id.
fn asked(world: &World) -> Vec<String> {
    let requests = world.sim.requests();
    let paths = requests.recent.iter().filter(|path| path.contains("/last-active-dates"));
    paths.map(|path| path.split('/').rev().nth(1).unwrap().replace("%3A", ":")).collect()
}

/// How often a walk may ask although each user is asked about once: for further pages of products.
fn people_in(asked: &[String]) -> BTreeSet<&String> {
    asked.iter().collect()
}

async fn everybody_is_reached(organization: OrganizationSettings) {
    let label = format!("{organization:?}");
    let world = one_by_one(60, organization).await;
    let mut reached = BTreeSet::new();
    let mut everybody = 0;
    for number in 1.. {
        world.sim.forget_requests();
        let report = world.walk().await.unwrap();
        assert_eq!(report.status, WalkStatus::Applied, "{label}: {:?}", report.problems);
        let walked = known(&world).await;
        everybody = walked.len();
        let asked = asked(&world);
        let people = people_in(&asked);
        assert!(people.len() <= BUDGET, "{label}: {} in walk {number}", people.len());
        let known_before = reached.len();
        // Whom nobody asked about comes first, as long as there is somebody.
        let unreached = everybody - known_before;
        assert!(people.iter().filter(|id| !reached.contains(**id)).count() >= BUDGET.min(unreached), "{label}");
        reached.extend(people.into_iter().cloned());
        for (id, (told, at)) in &walked {
            let untold = !reached.contains(id);
            assert!(!untold || (told.is_none() && at.is_none()), "{label}: {id} was not asked about: {told:?} {at:?}");
        }
        if reached.len() == everybody {
            assert_eq!(number, everybody.div_ceil(BUDGET), "{label}");
            break;
        }
        assert!(number < 20, "{label}: {} of {everybody} after {number} walks", reached.len());
    }
    // The rotation goes round: within as many walks everybody is asked about again.
    let mut again = BTreeSet::new();
    for _ in 0..everybody.div_ceil(BUDGET) {
        world.sim.forget_requests();
        world.walk().await.unwrap();
        let asked = asked(&world);
        assert!(people_in(&asked).len() <= BUDGET);
        again.extend(asked);
    }
    assert_eq!(again, reached, "{label}");
    // All that is known is what the site says, to the day, and "never" only where that is told.
    let walked = known(&world).await;
    world.sim.with_population(|site| {
        for user in site.users.values().filter(|user| user.exists()) {
            let Some((told, at)) = walked.get(&account_id(&user.key)) else { continue };
            let day = |at: Timestamp| at.to_sql()[..10].to_owned();
            assert_eq!(at.as_ref().map(|at| at[..10].to_owned()), user.last_login_at.map(day), "{label}");
            if user.last_login_at.is_some() {
                assert_eq!(*told, Some(1), "{label}");
            }
        }
    });
    world.cloud_mirror().await.by_the_day().assert_is(&world.cloud_truth().by_the_day(), &label);
    assert_invariants(&mut world.reader().await).await;
}

#[tokio::test]
async fn everybody_is_reached_where_there_is_no_bulk_search() {
    let organization = OrganizationSettings { bulk: false, ..OrganizationSettings::default() };
    everybody_is_reached(organization.clone()).await;
    everybody_is_reached(OrganizationSettings { next_as_url: true, ..organization }).await;
}

#[tokio::test]
async fn everybody_is_reached_where_the_directory_does_not_tell_products() {
    everybody_is_reached(OrganizationSettings { product_access: false, ..OrganizationSettings::default() }).await;
}

#[tokio::test]
async fn both_ways_tell_the_same_days() {
    let mut pictures = Vec::new();
    for organization in [
        OrganizationSettings::default(),
        OrganizationSettings { bulk: false, ..OrganizationSettings::default() },
        OrganizationSettings { bulk: false, next_as_url: true, ..OrganizationSettings::default() },
        OrganizationSettings { product_access: false, ..OrganizationSettings::default() },
    ] {
        let mut world = one_by_one(60, organization).await;
        world.site.organization.as_mut().unwrap().lookups_per_walk = 1000;
        for _ in 0..3 {
            world.walk().await.unwrap();
            world.pass_days(10);
        }
        world.walk().await.unwrap();
        pictures.push(world.cloud_mirror().await.by_the_day());
    }
    let [bulk, others @ ..] = &pictures[..] else { unreachable!() };
    for other in others {
        for (id, user) in &bulk.users {
            // Without the directory fewer are discovered.
            if let Some(other) = other.users.get(id) {
                assert_eq!(other["last_active_at"], user["last_active_at"], "{id}");
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_over_a_quiet_site_changes_nothing_but_its_place() {
    let world = one_by_one(30, OrganizationSettings { bulk: false, ..OrganizationSettings::default() }).await;
    for _ in 0..4 {
        world.walk().await.unwrap();
    }
    let mut reader = world.reader().await;
    let before = content_but_walks(&mut reader).await;
    for _ in 0..4 {
        assert_eq!(world.walk().await.unwrap().figures.changes, 0);
        assert_eq!(content_but_walks(&mut reader).await, before);
    }
}

#[tokio::test]
async fn the_report_on_the_inactive_says_idle_never_and_unknown_rightly() {
    let organization = OrganizationSettings { bulk: false, other_sites: false, ..OrganizationSettings::default() };
    let settings = settings(40, 23, Some(organization));
    let mut world = cloud(settings, Door::Site).await;
    world.site.organization.as_mut().unwrap().lookups_per_walk = 1000;
    let [idle, never, recent, unknown] = world.change(|site| {
        let [idle, never, recent, unknown] = ["t.idle", "t.never", "t.recent", "t.unknown"].map(|name| site.add(name));
        let now = site.end_of_day();
        for (key, days) in [(&idle, Some(200)), (&never, None), (&recent, Some(3)), (&unknown, Some(1))] {
            let user = site.users.get_mut(key).unwrap();
            user.created_at = now.plus_millis(-400 * 86_400_000);
            user.last_login_at = days.map(|days: i64| now.plus_millis(-days * 86_400_000));
        }
        [idle, never, recent, unknown].map(|key| account_id(&key))
    });
    // Of one the organization does not say.
    let path = Target::at(Endpoint::OrgLastActive).of(&unknown);
    world.sim.add_fault(Fault::always(path, FaultKind::status(404)));
    world.walk().await.unwrap();
    let mut reader = world.reader().await;
    let request = Request {
        sites: vec!["corp".to_owned()],
        as_of: world.clock.now(),
        parameters: vec!["days=90".to_owned()],
        ..Request::default()
    };
    let inactive = report::registry::find("inactive").unwrap();
    let found = report::collect(&mut reader, inactive, &request, &report::Settings::default()).await.unwrap();
    let place = |name: &str| found.table.columns.iter().position(|column| column.name == name).unwrap();
    let (key, reason) = (place("key"), place("reason"));
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let reasons: BTreeMap<String, String> =
        found.table.rows.iter().map(|row| (text(&row[key]), text(&row[reason]))).collect();
    assert_eq!(reasons.get(&idle).map(String::as_str), Some("idle"));
    assert_eq!(reasons.get(&unknown).map(String::as_str), Some("unknown"));
    assert_eq!(reasons.get(&recent), None);
    assert_eq!(reasons.get(&never).map(String::as_str), Some("never"));
    assert!(reasons.values().all(|reason| ["idle", "never", "unknown"].contains(&reason.as_str())));
}
