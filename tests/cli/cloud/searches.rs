//! A search that ends early or says odd things, and pages that lead elsewhere.

use rollbook::simulator::{CloudSettings, Endpoint, Settings};
use serde_json::{Value, json};

use super::{CloudPicture, heals, sixty, truth};
use crate::support::{Scripted, World, rewritten};

/// A change to every answer of an endpoint as JSON.
fn bent(world: &World, endpoint: Endpoint, change: impl Fn(&mut Value) + Send + 'static) {
    world.site.add_fault(rewritten(endpoint, move |body| {
        let mut page = serde_json::from_str(&body).unwrap();
        change(&mut page);
        page.to_string()
    }));
}

#[test]
fn a_cap_is_noticed_and_told() {
    let cloud = CloudSettings { search_cap: 30, organization: None, ..CloudSettings::default() };
    let world = World::cloud(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() });
    let ran = world.sync().exits(0);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let note = "the search for users ended after 30 of";
    assert!(said.contains(note), "{said}");
    world.run(&["status"]).exits(0).prints(&[note]);
    assert_eq!(world.last_walk(), ("applied".to_owned(), String::new()));
    // Others are found by their groups.
    CloudPicture::of_mirror(&world, "corp").assert_is(&truth(&world), "capped");
}

#[test]
fn totals_that_are_no_totals() {
    let world = sixty();
    for total in [json!(-5), json!("sixty"), json!(null), json!(1.5), json!(u64::MAX), json!({})] {
        let told = total.clone();
        bent(&world, Endpoint::CloudSearch, move |page| page["totalSize"] = told.clone());
        let ran = world.sync();
        world.site.clear_faults();
        assert!([0, 3].contains(&ran.exit) && !ran.stderr.contains("panicked"), "{total}: {}", ran.stderr);
        CloudPicture::of_mirror(&world, "corp").assert_is(&truth(&world), &total.to_string());
    }
    heals(&world, "totals");
}

#[test]
fn an_empty_search_takes_nobody_away() {
    let world = sixty();
    world.site.add_fault("empty-list@search".parse().unwrap());
    world.sync().exits(0).prints(&["0 changes"]);
    heals(&world, "empty");
}

#[test]
fn a_next_that_leads_to_another_origin_is_not_followed() {
    let world = sixty().limit("page_size", 12);
    let other = Scripted::start(|_, stream| Scripted::json(stream, r#"{"results":[],"_links":{}}"#));
    for endpoint in [Endpoint::CloudSearch, Endpoint::CloudGroups, Endpoint::CloudMembers, Endpoint::UsersBulk] {
        let next = format!("{}/rest/api/search/user?cursor=elsewhere&limit=12", other.url);
        bent(&world, endpoint, move |page| {
            page["_links"]["next"] = json!(next);
            page["_links"]["base"] = json!(next);
        });
        let ran = world.sync();
        world.site.clear_faults();
        assert!([0, 3].contains(&ran.exit) && !ran.stderr.contains("panicked"), "{endpoint:?}: {}", ran.stderr);
        assert_eq!(other.requests(), 0, "{endpoint:?}");
        CloudPicture::of_mirror(&world, "corp").assert_is(&truth(&world), &format!("{endpoint:?}"));
    }
    heals(&world, "elsewhere");
}

#[test]
fn a_search_by_cursors_is_followed_by_its_query_alone() {
    let world = sixty().limit("page_size", 20);
    // As servers do that go by a cursor: the place is told by `next`, in their own words.
    bent(&world, Endpoint::CloudSearch, |page| {
        let next = page["_links"]["next"].as_str().map(|next| format!("/wiki{next}&cursor="));
        if let Some(next) = next {
            page["_links"]["next"] = json!(next.replace("cursor=", ""));
        }
    });
    heals_under_fault(&world);
}

#[track_caller]
fn heals_under_fault(world: &World) {
    world.change(|site| drop(site.add("zz.new")));
    world.sync().exits(0);
    world.site.clear_faults();
    CloudPicture::of_mirror(world, "corp").assert_is(&truth(world), "by another way of paging");
    world.is_sound();
}
