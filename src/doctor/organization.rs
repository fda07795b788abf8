//! The organization of a Cloud site: whether its key counts, and what it tells of last activity.

use std::path::Path;

use super::check::{Check, Fault};
use super::expiry;
use super::visit::{Visit, modest};
use crate::clock::Clock;
use crate::config::{Organization, Site};
use crate::confluence::{Client, Cloud, OrganizationApi, Trouble, decode_organization_user};

const NAME: &str = "organization";
const EXPIRY: &str = "organization-expiry";
const ID: &str = "check organization.id: admin.atlassian.com shows it in its address";
const NEW_KEY: &str = "make a new key at admin.atlassian.com (Settings, API keys) and put it in the place of this one";

/// Asks the organization. It has a host and a key of its own: a site that refuses the account says nothing of it.
pub(super) async fn check(
    visit: &mut Visit,
    (site, configured): (&Site, &Organization),
    (cloud, account): (Cloud<'_>, Option<&str>),
    (file, clock): (Option<&Path>, &Clock),
) {
    which_site(visit, site, cloud).await;
    let seed = clock.now().millis() as u64;
    let client = match Client::of_organization(configured, &modest(&site.limits), clock.clone(), seed) {
        Ok(client) => client,
        Err(error) => {
            let remedy = "check the certificates of this machine";
            return visit.note(Check::failed(NAME, Fault::Other, error.to_string(), remedy));
        }
    };
    let organization = OrganizationApi::new(&client, &configured.id);
    let mut own = Visit::default();
    users(&mut own, organization, account).await;
    let untold = || expiry::by_age(EXPIRY, "key", file, (clock.now(), NEW_KEY));
    if own.may_ask(EXPIRY) {
        let answer = organization.api_keys().await;
        own.note(expiry::told(EXPIRY, "key", answer, (clock.now(), NEW_KEY)).unwrap_or_else(untold));
    }
    visit.checks.extend(own.checks);
}

/// Which Confluence of its organization the site is: dates of another are not its own.
async fn which_site(visit: &mut Visit, site: &Site, cloud: Cloud<'_>) {
    const NAME: &str = "cloud-id";
    if site.cloud_id.is_some() {
        return visit.note(Check::ok(NAME, "the site's id in its organization is configured"));
    }
    if !visit.may_ask(NAME) {
        return;
    }
    visit.note(match cloud.tenant().await {
        Ok(_) => Check::ok(NAME, "the site tells its id in its organization"),
        Err(error) => Check::warning(
            NAME,
            error.what(),
            "set cloud_id: without it, last-active dates are taken only where it is plain which site they are of",
        ),
    });
}

async fn users(visit: &mut Visit, organization: OrganizationApi<'_>, account: Option<&str>) {
    let error = match organization.users(None).await {
        Ok(page) => {
            let user = page.rows.iter().next().map(decode_organization_user);
            return visit.note(match user {
                None => Check::warning(NAME, "users/search answers, and shows nobody", ID),
                Some(Err(error)) => Check::failed(
                    NAME,
                    Fault::Other,
                    format!("a record of users/search cannot be read: {error}"),
                    "install a newer release of rollbook, or tell its maintainers",
                ),
                Some(Ok(user)) if user.confluences.is_none() => Check::warning(
                    NAME,
                    "users/search answers without product access, so that users are asked about one by one",
                    "raise organization.lookups_per_walk if that takes too many walks",
                ),
                Some(Ok(_)) => Check::ok(NAME, "users/search tells when users were last active"),
            });
        }
        Err(error) => error,
    };
    // The bulk search is there for organizations with the new user management alone.
    if !matches!(error.trouble, Trouble::NotFound | Trouble::Forbidden | Trouble::Status(400 | 405 | 410 | 501)) {
        return visit.failed(NAME, &error, ID);
    }
    let Some(account) = account else {
        let found = format!("{}; no account is known to ask about alone", error.what());
        return visit.note(Check::warning(NAME, found, ID));
    };
    match organization.last_active(account).await {
        Ok(Some(_)) => visit.note(Check::ok(NAME, "last-active-dates answers; there is no users/search")),
        Ok(None) => visit.note(Check::failed(
            NAME,
            Fault::Other,
            "neither users/search nor last-active-dates knows the organization, or an account of the site",
            ID,
        )),
        Err(error) => visit.failed(NAME, &error, ID),
    }
}
