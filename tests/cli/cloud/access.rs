//! Tokens that are refused, and addresses that are wrong.

use rollbook::simulator::{CloudSettings, OrganizationSettings, Settings, TokenKind};

use super::{heals, settings, sixty};
use crate::support::{Ran, World};

/// A walk that is refused: 77 after few requests, and nothing is applied.
#[track_caller]
fn refused(world: &World) -> Ran {
    let contents = world.file().exists().then(|| world.database().contents(&["walks", "sites"]));
    world.site.forget_requests();
    let ran = world.sync().exits(77);
    assert_eq!(world.last_walk().0, "failed");
    if let Some(contents) = contents {
        assert_eq!(world.database().contents(&["walks", "sites"]), contents);
    }
    assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'missing'"), "0");
    ran
}

const CLASSIC: &str = "username = \"audit@example.com\"\ntoken = \"audit\"";

#[test]
fn a_wrong_token() {
    let world = sixty().credentials("username = \"audit@example.com\"\ntoken = \"wrong\"");
    refused(&world).says(&["401", "token is refused", "may have expired", "id.atlassian.com"]);
    assert!(world.site.requests().total() <= 2, "{:?}", world.site.requests().recent);
    heals(&world.credentials(CLASSIC), "the right token");
}

#[test]
fn a_token_at_the_wrong_door() {
    let of = |kind| {
        let cloud = CloudSettings { gateway_token: kind, organization: None, ..CloudSettings::default() };
        World::cloud(Settings { users: 30, seed: 7, cloud: Some(cloud), ..Settings::cloud() })
    };
    let scoped = "username = \"audit@example.com\"\ntoken = \"audit-token\"";
    let world = of(TokenKind::Scoped);
    let gateway = world.site.gateway_url().to_owned();
    let world = world.at(&gateway);
    refused(&world).says(&["classic token", "https://SITE.atlassian.net/wiki"]);
    heals(&world.credentials(scoped), "a scoped token at the gateway");

    let world = of(TokenKind::Scoped).credentials(scoped);
    refused(&world).says(&["token with scopes", "https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki"]);
    let world = of(TokenKind::OAuth).credentials("token = \"audit-token\"");
    refused(&world).says(&["of OAuth", "https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki"]);
    heals(&world.at(&gateway_of(&of(TokenKind::OAuth))).at_own_gateway(), "OAuth at the gateway");
}

fn gateway_of(world: &World) -> String {
    world.site.gateway_url().to_owned()
}

impl World {
    /// At the gateway of its own site.
    fn at_own_gateway(self) -> Self {
        let gateway = gateway_of(&self);
        self.at(&gateway)
    }
}

#[test]
fn a_key_of_the_organization_that_has_expired() {
    let world = World::cloud(settings(30, Some(OrganizationSettings::default())));
    heals(&world, "the first walk");
    let world = world.organization("api_key", "\"expired\"");
    refused(&world).says(&["organization.api_key_file", "admin.atlassian.com"]);
    assert_eq!(world.site.requests().org_users, 1);
    heals(&world.organization("api_key", "\"org-key\""), "a new key");
}

#[test]
fn an_organization_that_forbids_everything() {
    let world = World::cloud(settings(30, Some(OrganizationSettings::default())));
    world.site.add_fault("status=403@org-users".parse().unwrap());
    world.site.add_fault("status=403@org-last-active".parse().unwrap());
    refused(&world).says(&["403", "API key", "read:users"]);
    heals(&world, "permitted");
}

#[test]
fn an_account_that_may_not_use_confluence() {
    let world = World::cloud(Settings { administrator: false, ..settings(30, None) });
    refused(&world).says(&["403", "can use"]);
}

#[test]
fn a_log_in_page_at_every_address() {
    let world = sixty();
    world.site.add_fault("html-login".parse().unwrap());
    refused(&world).says(&["log-in page"]);
    heals(&world, "logged in");
}

#[test]
fn an_address_without_its_path() {
    let world = sixty();
    let right = world.site.base_url().to_owned();
    let world = world.at(right.trim_end_matches("/wiki"));
    let contents = world.database().contents(&["walks", "sites"]);
    world.sync().exits(69).says(&["404", "base_url is https://SITE.atlassian.net/wiki"]);
    assert_eq!(world.database().contents(&["walks", "sites"]), contents);
    heals(&world.at(&right), "the right address");
}
