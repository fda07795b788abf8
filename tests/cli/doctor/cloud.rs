//! A Cloud site and its organization.

use std::fs;
use std::time::SystemTime;

use chrono::DateTime;
use rollbook::simulator::{CloudSettings, Endpoint, Fault, FaultKind, OrganizationSettings, Settings, Target};

use super::{days, doctor, found, quiet, says, with};
use crate::support::{World, always};

fn cloud(cloud: CloudSettings) -> World {
    World::cloud(Settings { users: 24, seed: 7, cloud: Some(cloud), ..Settings::cloud() })
}

fn organized(organization: OrganizationSettings) -> World {
    cloud(CloudSettings { organization: Some(organization), ..CloudSettings::default() })
}

#[test]
fn all_is_well() {
    let world = quiet(cloud(CloudSettings::default()));
    world.sync().exits(0);
    world.site.forget_requests();
    let document = doctor(&world, 0);
    assert_eq!(with(&document, "warning").len(), 0, "{document:#}");
    for name in
        ["address", "credentials", "clock", "search", "groups", "members", "users-bulk", "cloud-id", "organization"]
    {
        says(&document, name, "ok", &[]);
    }
    let asked = world.site.requests();
    let each =
        [asked.search, asked.cloud_groups, asked.cloud_members, asked.users_bulk, asked.org_users, asked.org_keys];
    assert_eq!(each, [1; 6]);
    assert_eq!(asked.batches, [1]);
}

#[test]
fn the_gateway_and_a_site_without_an_organization() {
    let world = cloud(CloudSettings::default()).without_organization().credentials("token = \"audit-token\"");
    let gateway = world.site.gateway_url().to_owned();
    let world = quiet(world.at(&gateway));
    let document = doctor(&world, 0);
    says(&document, "users-bulk", "ok", &[]);
    for name in ["organization", "organization-expiry", "cloud-id"] {
        assert_eq!(found(&document, name), [], "{name}");
    }
}

#[test]
fn a_wrong_token_is_tried_once_and_the_organization_all_the_same() {
    let world =
        quiet(cloud(CloudSettings::default()).credentials("username = \"audit@example.com\"\ntoken = \"canary\""));
    let document = doctor(&world, 77);
    says(&document, "credentials", "failed", &["401", "id.atlassian.com"]);
    for name in ["search", "groups", "members", "users-bulk", "cloud-id"] {
        says(&document, name, "skipped", &[]);
    }
    says(&document, "organization", "ok", &[]);
    let asked = world.site.requests();
    assert_eq!((asked.search, asked.cloud_groups, asked.users_bulk, asked.other), (1, 0, 0, 0));
}

#[test]
fn an_account_that_may_not_use_confluence() {
    let settings = Settings { administrator: false, users: 24, ..Settings::cloud() };
    let document = doctor(&quiet(World::cloud(settings)), 77);
    says(&document, "credentials", "ok", &[]);
    says(&document, "search", "failed", &["403", "read:content-details:confluence"]);
    says(&document, "groups", "failed", &["403", "read:group:confluence"]);
    says(&document, "members", "skipped", &[]);
    says(&document, "users-bulk", "skipped", &[]);
}

#[test]
fn endpoints_that_fail_alone() {
    for (fault, exit, name, word) in [
        (always(Endpoint::CloudSearch, 404), 69, "search", "base_url"),
        (always(Endpoint::CloudSearch, 403), 77, "search", "scope"),
        (always(Endpoint::CloudGroups, 500), 1, "groups", "500"),
        (always(Endpoint::CloudMembers, 403), 77, "members", "scope"),
        (always(Endpoint::UsersBulk, 404), 77, "users-bulk", "profiles"),
        (
            Fault::always(Target::at(Endpoint::UsersBulk), FaultKind::EmptyList),
            77,
            "users-bulk",
            "not about an account",
        ),
        (always(Endpoint::OrgUsers, 500), 1, "organization", "500"),
    ] {
        let world = quiet(cloud(CloudSettings::default()).fault(fault));
        says(&doctor(&world, exit), name, "failed", &[word]);
    }
    let world = quiet(
        cloud(CloudSettings::default()).fault(Fault::always(Target::at(Endpoint::CloudSearch), FaultKind::EmptyList)),
    );
    let document = doctor(&world, 0);
    says(&document, "search", "warning", &["nobody"]);
    // A group shows an account too.
    says(&document, "users-bulk", "ok", &[]);
}

#[test]
fn a_wrong_key_of_the_organization() {
    let world = quiet(cloud(CloudSettings::default()).organization("api_key", "\"canary\""));
    let document = doctor(&world, 77);
    says(&document, "users-bulk", "ok", &[]);
    says(&document, "organization", "failed", &["401", "api_key_file"]);
    says(&document, "organization-expiry", "skipped", &[]);
    let asked = world.site.requests();
    assert_eq!((asked.org_users, asked.org_last_active, asked.org_keys), (1, 0, 0));
}

#[test]
fn an_organization_that_is_asked_one_by_one_and_a_wrong_id() {
    let world = quiet(organized(OrganizationSettings { bulk: false, ..OrganizationSettings::default() }));
    says(&doctor(&world, 0), "organization", "ok", &["last-active-dates"]);
    let world = quiet(cloud(CloudSettings::default()).organization("id", "\"another\""));
    says(&doctor(&world, 1), "organization", "failed", &["organization.id"]);
    let silent = OrganizationSettings { product_access: false, ..OrganizationSettings::default() };
    says(&doctor(&quiet(organized(silent)), 0), "organization", "warning", &["one by one"]);
    let world = quiet(cloud(CloudSettings { tenant: false, ..CloudSettings::default() }));
    says(&doctor(&world, 0), "cloud-id", "warning", &["set cloud_id"]);
}

#[test]
fn credentials_about_to_expire() {
    let organization =
        OrganizationSettings { key_expiries: Some(vec![Some(days(5))]), ..OrganizationSettings::default() };
    let world = organized(organization);
    // The token's file is as old as a token can be.
    let file = world.path("cloud.token");
    fs::write(&file, "audit").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let old = SystemTime::from(DateTime::from_timestamp_millis(days(-350).millis()).unwrap());
    fs::File::options().append(true).open(&file).unwrap().set_modified(old).unwrap();
    let world = quiet(world.credentials("username = \"audit@example.com\"\ntoken_file = \"cloud.token\""));
    let document = doctor(&world, 0);
    says(&document, "expiry", "warning", &["350 days ago", "new token"]);
    says(&document, "organization-expiry", "warning", &["the key expires on", "new key"]);
    // Where nobody tells, nothing is claimed.
    says(&doctor(&quiet(cloud(CloudSettings::default())), 0), "organization-expiry", "skipped", &[]);
}

#[test]
fn a_file_of_ids() {
    let world = cloud(CloudSettings::default());
    fs::write(world.path("ids.txt"), "712020:a\n").unwrap();
    let world = quiet(world.key("account_ids_file", "\"ids.txt\""));
    says(&doctor(&world, 0), "account-ids-file", "ok", &["ids.txt"]);
}
