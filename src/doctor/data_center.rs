//! Data Center: REST API Extender, Confluence User Export, the account's tokens.

use super::check::{Check, Fault};
use super::expiry;
use super::visit::{Visit, client};
use crate::clock::Clock;
use crate::config::{Credentials, Site, UserExport as Wanted};
use crate::confluence::{
    Detail, Extender, LookUp, Page, RateLimit, Trouble, UserExport, UserList, decode_exported, decode_group_name,
    decode_user, is_addressable, personal_tokens,
};
use crate::model::{SeenUser, Told};

/// Groups asked for: the members of the first whose name can stand in a path are asked for, too.
const GROUPS: u64 = 5;
const EXTENDER: &str =
    "check that base_url has the context path, and that the app REST API Extender is installed and licensed";
const OLD: &str = "update the app REST API Extender";
const NEW_TOKEN: &str = "make a new token in Confluence (Profile, Settings, Personal Access Tokens) and put it in the place \
                         of this one";

/// Asks the site for a little of everything that a walk reads.
pub(super) async fn check(site: &Site, clock: &Clock) -> Vec<Check> {
    let client = match client(site, clock) {
        Ok(client) => client,
        Err(check) => return vec![check],
    };
    let extender = Extender::new(&client);
    let mut visit = Visit::default();
    let first = extender.first_user_page(None, 1).await;
    visit.meet(site, first.as_ref().err(), &client);
    let user = user_list(&mut visit, first);
    look_up(&mut visit, site, extender, user.as_ref()).await;
    let group = groups(&mut visit, extender).await;
    members(&mut visit, extender, group.as_deref()).await;
    if matches!(site.credentials, Credentials::Bearer { .. }) && visit.may_ask("expiry") {
        let answer = personal_tokens(&client).await;
        if let Err(error) = &answer {
            visit.mind(&error.trouble);
        }
        let check = expiry::told("expiry", "token", answer, (clock.now(), NEW_TOKEN));
        visit.note(check.unwrap_or_else(|| Check::skipped("expiry", "the site does not tell when its tokens expire")));
    }
    // The last: it answers 401 to those who are no administrators, too.
    user_export(&mut visit, site, UserExport::new(&client)).await;
    if let Some(limit) = client.heard().rate_limit {
        visit.note(rate_limit(limit, site.limits.requests_per_second));
    }
    visit.checks
}

fn user_list(visit: &mut Visit, first: Result<(UserList, Page), crate::confluence::RequestError>) -> Option<SeenUser> {
    const NAME: &str = "user-list";
    let (list, page) = match first {
        _ if !visit.may_ask(NAME) => return skip_details(visit),
        Ok(answer) => answer,
        Err(error) => {
            let fault = match error.trouble {
                Trouble::Forbidden => Fault::Refused,
                _ => Fault::Unreachable,
            };
            visit.failed_as(NAME, fault, &error, EXTENDER);
            return skip_details(visit);
        }
    };
    let users = page.total.map_or("users".to_owned(), |total| format!("{total} users"));
    let name = list.as_str();
    let found = match list {
        UserList::GetUsersWithConfluenceAccess => format!("user/{name} answers, {users}"),
        UserList::GetUsers => format!("user/{name} answers, {users}: the name that older releases have"),
    };
    if page.rows.is_empty() {
        let remedy = "give somebody access, the account itself too, and see the site's user directories: a walk would take \
                      nobody for active";
        visit.note(Check::failed(NAME, Fault::Other, format!("{found}, and it shows nobody"), remedy));
        return skip_details(visit);
    }
    visit.note(Check::ok(NAME, found));
    match decode_user(page.rows.get(0)) {
        Ok(user) => {
            visit.note(details(&user));
            Some(user)
        }
        Err(error) => {
            let found = format!("a record of the user list cannot be read: {error}");
            visit.note(Check::failed("user-details", Fault::Other, found, OLD));
            None
        }
    }
}

fn skip_details(visit: &mut Visit) -> Option<SeenUser> {
    if visit.may_ask("user-details") {
        visit.note(Check::skipped("user-details", "no user was shown"));
    }
    None
}

/// Whether a record tells all that extended details are; what it does not speak of is no blank.
fn details(user: &SeenUser) -> Check {
    const NAME: &str = "user-details";
    let untold = |told: &Told<String>| *told == Told::Untold;
    let missing: Vec<&str> = [
        (untold(&user.email), "e-mail addresses"),
        (untold(&user.full_name), "full names"),
        (user.created_at == Told::Untold, "when accounts were made"),
        (user.last_login_at == Told::Untold, "last log-ins"),
        (untold(&user.department), "business details"),
        (untold(&user.phone), "personal details"),
        (user.has_access.is_none(), "hasAccessToUseConfluence"),
    ]
    .into_iter()
    .filter_map(|(missing, what)| missing.then_some(what))
    .collect();
    if missing.is_empty() {
        return Check::ok(NAME, "the user list tells extended details, log-ins among them (release 2.8 or later)");
    }
    Check::warning(
        NAME,
        format!("the user list does not tell {}", missing.join(", ")),
        "make the account a Confluence administrator, and update the app REST API Extender to 2.8 or later",
    )
}

async fn look_up(visit: &mut Visit, site: &Site, extender: Extender<'_>, user: Option<&SeenUser>) {
    const NAME: &str = "look-up";
    if !visit.may_ask(NAME) {
        return;
    }
    let skipped = |why: &str| Check::skipped(NAME, why);
    let Some(user) = user else { return visit.note(skipped("no user is known to look up")) };
    if site.limits.lookups_per_walk == 0 {
        return visit.note(skipped("limits.lookups_per_walk = 0: nobody is looked up"));
    }
    if !is_addressable(&user.name) {
        return visit.note(skipped("the name of the user who was shown cannot stand in a path"));
    }
    match extender.look_up(&user.name).await {
        Ok(LookUp::Found(_)) => visit.note(Check::ok(NAME, "user/getUserDetails finds a user by name")),
        Ok(LookUp::NotFound) => visit.note(Check::warning(
            NAME,
            "user/getUserDetails answers 404 for a user whom the list shows",
            "update the app REST API Extender to 2.0.1 or later: without look-ups nobody is proven deleted",
        )),
        Err(error) => visit.failed(NAME, &error, OLD),
    }
}

/// A group whose members can be asked for.
async fn groups(visit: &mut Visit, extender: Extender<'_>) -> Option<String> {
    const NAME: &str = "groups";
    if !visit.may_ask(NAME) {
        return None;
    }
    let page = match extender.group_page(0, GROUPS).await {
        Ok(page) => page,
        Err(error) => {
            visit.failed(NAME, &error, EXTENDER);
            return None;
        }
    };
    let groups = page.total.unwrap_or(page.rows.len() as u64);
    visit.note(Check::ok(NAME, format!("group/getGroups answers, {groups} groups")));
    page.rows.iter().filter_map(|row| decode_group_name(row).ok()).find(|name| is_addressable(name))
}

async fn members(visit: &mut Visit, extender: Extender<'_>, group: Option<&str>) {
    const NAME: &str = "members";
    if !visit.may_ask(NAME) {
        return;
    }
    let Some(group) = group else {
        return visit.note(Check::skipped(NAME, "no group is known whose name can stand in a path"));
    };
    match extender.member_page(group, Detail::Extended, 0, 1).await {
        Ok(page) => match page.rows.iter().map(decode_user).find_map(Result::err) {
            None => visit.note(Check::ok(NAME, "group/getUsers answers for a group")),
            Some(error) => {
                let found = format!("a member of a group cannot be read: {error}");
                visit.note(Check::failed(NAME, Fault::Other, found, OLD));
            }
        },
        Err(error) => visit.failed(NAME, &error, OLD),
    }
}

async fn user_export(visit: &mut Visit, site: &Site, source: UserExport<'_>) {
    const NAME: &str = "user-export";
    const ABSENT: &str =
        "install and license the app Confluence User Export, or set user_export to \"auto\" or \"off\"";
    if site.user_export == Wanted::Off {
        return visit.note(Check::skipped(NAME, "user_export = \"off\": it is never asked"));
    }
    if !visit.may_ask(NAME) {
        return;
    }
    let wanted = site.user_export == Wanted::On;
    let error = match source.search(0, 1).await {
        Ok(page) => return visit.note(exported(&page)),
        Err(error) => error,
    };
    match error.trouble {
        Trouble::NotFound | Trouble::Status(405) if wanted => visit.failed(NAME, &error, ABSENT),
        Trouble::NotFound | Trouble::Status(405) => visit.note(Check::ok(
            NAME,
            "it is not installed: who is deactivated, in which directory, is not told (user_export = \"auto\")",
        )),
        Trouble::NotPermitted | Trouble::Forbidden if !wanted => {
            let remedy = error.remedy().unwrap_or_default();
            visit.note(Check::warning(NAME, error.what(), format!("{remedy}; or set user_export to \"off\"")));
        }
        _ => visit.failed(NAME, &error, ABSENT),
    }
}

/// Nothing that is documented tells its release; what it tells of a user does, as far as that counts here.
fn exported(page: &Page) -> Check {
    const NAME: &str = "user-export";
    match page.rows.iter().next().map(decode_exported) {
        None => Check::warning(
            NAME,
            "it answers, and shows nobody",
            "see what the account may see: a walk would take its empty list for no list",
        ),
        Some(Err(error)) => Check::failed(
            NAME,
            Fault::Other,
            format!("a record cannot be read: {error}"),
            "update the app Confluence User Export, or set user_export to \"off\"",
        ),
        Some(Ok(user)) if user.last_login == Told::Untold => Check::ok(
            NAME,
            "it answers, in an older release: it does not tell last log-ins (its release itself is not told)",
        ),
        Some(Ok(_)) => {
            Check::ok(NAME, "it answers, in a newer release: it tells last log-ins (its release itself is not told)")
        }
    }
}

fn rate_limit(limit: RateLimit, ours: f64) -> Check {
    const NAME: &str = "rate-limit";
    let RateLimit { limit, fill_rate, interval_seconds } = limit;
    let found =
        format!("the site allows the account {limit} requests at once and {fill_rate} more every {interval_seconds} s");
    let allowed = fill_rate as f64 / interval_seconds.max(1) as f64;
    if ours > 0.0 && ours <= allowed {
        return Check::ok(NAME, found);
    }
    let ours =
        if ours > 0.0 { format!("asks for up to {ours} a second") } else { "is 0, which is no limit".to_owned() };
    Check::warning(
        NAME,
        format!("{found}, and limits.requests_per_second {ours}"),
        format!("set limits.requests_per_second to {allowed:.1}, or ask the site's administrators for an exemption"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn details_that_are_not_spoken_of_are_missed_and_blank_ones_are_not() {
        let record = r#"{"business":[{"location":"","position":"","department":""}],"lastFailedLoginDate":null,
            "lastSuccessfulLoginDate":null,"fullName":"","personal":[{"website":"","im":"","phone":""}],
            "updatedDate":1,"createdDate":1,"hasAccessToUseConfluence":true,"name":"a","key":"k","email":""}"#;
        assert_eq!(details(&decode_user(record.as_bytes()).unwrap()).verdict, Verdict::Ok);
        let basic = decode_user(br#"{"name":"a","fullName":"A","key":"k","email":"a@example.com"}"#).unwrap();
        let check = details(&basic);
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.found.contains("last log-ins") && !check.found.contains("e-mail"), "{}", check.found);
        let hidden = record.replace(",\"email\":\"\"", "");
        assert!(details(&decode_user(hidden.as_bytes()).unwrap()).found.contains("e-mail"));
    }

    #[test]
    fn our_pace_is_compared_with_what_the_site_allows() {
        let limit = |fill_rate, interval_seconds| RateLimit { limit: 50, fill_rate, interval_seconds };
        assert_eq!(rate_limit(limit(20, 1), 20.0).verdict, Verdict::Ok);
        let slow = rate_limit(limit(10, 2), 20.0);
        assert_eq!(slow.verdict, Verdict::Warning);
        assert!(slow.remedy.unwrap().contains("5.0"));
        assert_eq!(rate_limit(limit(1000, 1), 0.0).verdict, Verdict::Warning);
        assert_eq!(rate_limit(limit(0, 0), 1.0).verdict, Verdict::Warning);
    }
}
