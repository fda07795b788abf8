//! Confluence Cloud: the search, groups, `users-bulk`, the organization.

use std::path::Path;

use super::check::{Check, Fault};
use super::visit::{Visit, client};
use super::{expiry, organization};
use crate::clock::Clock;
use crate::config::{Loaded, Site};
use crate::confluence::{
    AccountIdReader, Cloud, Page, RequestError, SearchFrom, Trouble, decode_cloud_group, decode_cloud_user,
};

const ADDRESS: &str = "check that base_url is https://SITE.atlassian.net/wiki, or \
                       https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki for a token with scopes or of OAuth";
const NEW_TOKEN: &str =
    "make a new token at id.atlassian.com (Security, API tokens) and put it in the place of this one";

/// Asks the site, and its organization, for a little of everything that a walk reads.
pub(super) async fn check(site: &Site, loaded: &Loaded, clock: &Clock) -> Vec<Check> {
    let client = match client(site, clock) {
        Ok(client) => client,
        Err(check) => return vec![check],
    };
    let cloud = Cloud::new(&client);
    let mut visit = Visit::default();
    let first = cloud.search_page(&SearchFrom::Row(0), 1).await;
    visit.meet(site, first.as_ref().err(), &client);
    let found = search(&mut visit, first);
    let group = groups(&mut visit, cloud).await;
    let member = members(&mut visit, cloud, group.as_deref()).await;
    let account = found.or(member);
    users_bulk(&mut visit, cloud, account.as_deref()).await;
    if let Some(file) = &site.account_ids_file {
        visit.note(ids_file(file));
    }
    let file = secret_file(loaded, &format!("sites.{}.token_file", site.id));
    visit.note(expiry::by_age("expiry", "token", file, (clock.now(), NEW_TOKEN)));
    if let Some(configured) = &site.organization {
        let file = secret_file(loaded, &format!("sites.{}.organization.api_key_file", site.id));
        organization::check(&mut visit, (site, configured), (cloud, account.as_deref()), (file, clock)).await;
    }
    visit.checks
}

/// The file that a secret was read from.
fn secret_file<'a>(loaded: &'a Loaded, key: &str) -> Option<&'a Path> {
    let setting = loaded.settings.iter().find(|setting| setting.key == key)?;
    setting.value.as_str().map(Path::new)
}

/// An account id that the page shows.
fn account(page: &Page) -> Option<String> {
    let record = page.rows.iter().next()?;
    AccountIdReader::default().read(record).ok().map(|id| id.into_owned())
}

fn search(visit: &mut Visit, first: Result<Page, RequestError>) -> Option<String> {
    const NAME: &str = "search";
    if !visit.may_ask(NAME) {
        return None;
    }
    let page = match first {
        Ok(page) => page,
        Err(error) => {
            let fault = if error.trouble == Trouble::Forbidden { Fault::Refused } else { Fault::Unreachable };
            visit.failed_as(NAME, fault, &error, ADDRESS);
            return None;
        }
    };
    let account = account(&page);
    visit.note(match account {
        Some(_) => Check::ok(NAME, "search/user answers, and shows accounts"),
        None => Check::warning(
            NAME,
            "search/user answers, and shows nobody, not even the account that asks",
            "check its permission to use Confluence, and the scope read:content-details:confluence of its token",
        ),
    });
    account
}

/// The id of a group.
async fn groups(visit: &mut Visit, cloud: Cloud<'_>) -> Option<String> {
    const NAME: &str = "groups";
    if !visit.may_ask(NAME) {
        return None;
    }
    match cloud.group_page(0, 1).await {
        Ok(page) => {
            visit.note(Check::ok(NAME, "the list of groups answers"));
            page.rows.iter().find_map(|row| decode_cloud_group(row).ok()).map(|group| group.id)
        }
        Err(error) => {
            visit.failed(NAME, &error, ADDRESS);
            None
        }
    }
}

async fn members(visit: &mut Visit, cloud: Cloud<'_>, group: Option<&str>) -> Option<String> {
    const NAME: &str = "members";
    if !visit.may_ask(NAME) {
        return None;
    }
    let Some(group) = group else {
        visit.note(Check::skipped(NAME, "no group is known"));
        return None;
    };
    match cloud.member_page(group, 0, 1).await {
        Ok(page) => {
            visit.note(Check::ok(NAME, "membersByGroupId answers for a group"));
            account(&page)
        }
        Err(error) => {
            visit.failed(NAME, &error, ADDRESS);
            None
        }
    }
}

async fn users_bulk(visit: &mut Visit, cloud: Cloud<'_>, account: Option<&str>) {
    const NAME: &str = "users-bulk";
    if !visit.may_ask(NAME) {
        return;
    }
    let Some(account) = account else { return visit.note(Check::skipped(NAME, "no account id is known to look up")) };
    let page = match cloud.users_bulk(&[account], false).await {
        Ok(page) => page,
        Err(error) => return visit.failed(NAME, &error, ADDRESS),
    };
    let check = match page.rows.iter().next().map(decode_cloud_user) {
        None => Check::failed(
            NAME,
            Fault::Refused,
            "users-bulk answers, and not about an account that the site shows",
            "check that the account may view user profiles, and the scope read:user:confluence of its token",
        ),
        Some(Ok(_)) => Check::ok(NAME, "users-bulk tells what became of an account"),
        Some(Err(error)) => Check::failed(
            NAME,
            Fault::Other,
            format!("a record of users-bulk cannot be read: {error}"),
            "install a newer release of rollbook, or tell its maintainers",
        ),
    };
    visit.note(check);
}

fn ids_file(file: &Path) -> Check {
    const NAME: &str = "account-ids-file";
    match std::fs::File::open(file) {
        Ok(_) => Check::ok(NAME, format!("{} can be read", file.display())),
        Err(error) => Check::failed(
            NAME,
            Fault::Other,
            format!("{} cannot be read: {error}", file.display()),
            "let the user who runs rollbook read it, or remove account_ids_file",
        ),
    }
}
