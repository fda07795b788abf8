//! REST API Extender, reading part, in exactly the shapes captured from a live server: key order, blanks and all.

use axum::http::StatusCode;
use chrono::DateTime;
use chrono_tz::Tz;
use serde::Serialize;

use super::call::{Call, Detail, Endpoint, Page, Reply};
use super::population::{Population, User};
use crate::model::Timestamp;

/// How an answer bends away from the real one; the faults set it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bend {
    /// Group members as releases before 2.8 sent them.
    pub old_plugin: bool,
    /// Every listing is empty.
    pub empty: bool,
}

/// One user as the app shows it.
pub(super) struct Record<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub full_name: &'a str,
    pub email: &'a str,
    pub department: &'a str,
    pub position: &'a str,
    pub location: &'a str,
    pub phone: &'a str,
    pub im: &'a str,
    pub website: &'a str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
    pub last_failed_login_at: Option<Timestamp>,
    pub has_access: bool,
}

#[derive(Serialize)]
struct Business<'a> {
    location: &'a str,
    position: &'a str,
    department: &'a str,
}

#[derive(Serialize)]
struct Personal<'a> {
    website: &'a str,
    im: &'a str,
    phone: &'a str,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Basic<'a> {
    name: &'a str,
    full_name: &'a str,
    key: &'a str,
    email: &'a str,
}

// The fields stand in the order of the captured reply.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extended<'a> {
    business: [Business<'a>; 1],
    last_failed_login_date: Option<i64>,
    last_successful_login_date: Option<i64>,
    full_name: &'a str,
    personal: [Personal<'a>; 1],
    updated_date: i64,
    last_failed_login_date_string: Option<String>,
    created_date: i64,
    created_date_string: String,
    has_access_to_use_confluence: bool,
    name: &'a str,
    last_successful_login_date_string: Option<String>,
    key: &'a str,
    email: &'a str,
    updated_date_string: String,
}

impl<'a> Record<'a> {
    fn of(user: &'a User, has_access: bool) -> Self {
        Self {
            key: &user.key,
            name: &user.name,
            full_name: &user.full_name,
            email: &user.email,
            department: &user.department,
            position: &user.position,
            location: &user.location,
            phone: &user.phone,
            im: &user.im,
            website: &user.website,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login_at: user.last_login_at,
            last_failed_login_at: user.last_failed_login_at,
            has_access,
        }
    }

    fn basic(&self) -> Basic<'a> {
        Basic { name: self.name, full_name: self.full_name, key: self.key, email: self.email }
    }

    fn extended(&self, dates: &Dates) -> Extended<'a> {
        Extended {
            business: [Business { location: self.location, position: self.position, department: self.department }],
            last_failed_login_date: self.last_failed_login_at.map(Timestamp::millis),
            last_successful_login_date: self.last_login_at.map(Timestamp::millis),
            full_name: self.full_name,
            personal: [Personal { website: self.website, im: self.im, phone: self.phone }],
            updated_date: self.updated_at.millis(),
            last_failed_login_date_string: self.last_failed_login_at.map(|time| dates.spell(time)),
            created_date: self.created_at.millis(),
            created_date_string: dates.spell(self.created_at),
            has_access_to_use_confluence: self.has_access,
            name: self.name,
            last_successful_login_date_string: self.last_login_at.map(|time| dates.spell(time)),
            key: self.key,
            email: self.email,
            updated_date_string: dates.spell(self.updated_at),
        }
    }

    /// Appends this user as JSON.
    pub fn write(&self, detail: Detail, dates: &Dates, body: &mut Vec<u8>) {
        match detail {
            Detail::Name => json(&Named { name: self.name }, body),
            Detail::Basic => json(&self.basic(), body),
            Detail::Extended => json(&self.extended(dates), body),
        }
    }
}

fn json(value: &impl Serialize, body: &mut Vec<u8>) {
    serde_json::to_writer(body, value).expect("text and numbers into memory cannot fail");
}

/// How the server spells a time: in its own zone, without naming it.
pub(super) struct Dates {
    zone: Tz,
    format: String,
}

impl Dates {
    /// With the pattern a request asked for: the letters of Java's that matter.
    pub fn new(zone: Tz, pattern: Option<&str>) -> Self {
        let format = pattern
            .unwrap_or("yyyy-MM-dd HH:mm:ss")
            .replace('%', "%%")
            .replace("yyyy", "%Y")
            .replace("MM", "%m")
            .replace("dd", "%d")
            .replace("HH", "%H")
            .replace("mm", "%M")
            .replace("ss", "%S");
        Self { zone, format }
    }

    pub fn spell(&self, time: Timestamp) -> String {
        DateTime::from_timestamp_millis(time.millis())
            .map(|utc| utc.with_timezone(&self.zone).format(&self.format).to_string())
            .unwrap_or_default()
    }
}

/// A page of users around `write`, which appends the elements.
pub(super) fn user_page(total: usize, page: Page, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body =
        format!(r#"{{"total":{total},"maxResults":{},"startAt":{},"users":["#, page.limit, page.start).into_bytes();
    write(&mut body);
    body.extend_from_slice(br#"],"status":"success"}"#);
    body
}

/// A page of group names.
pub(super) fn group_page(total: usize, page: Page, names: &[&str]) -> Vec<u8> {
    let mut body = format!(r#"{{"total":{total},"maxResults":{},"groups":"#, page.limit).into_bytes();
    json(&names, &mut body);
    body.extend_from_slice(format!(r#","startAt":{},"status":"success"}}"#, page.start).as_bytes());
    body
}

/// Answers a call from the site's present state.
pub(super) fn answer(site: &Population, call: &Call, page: Page, bend: Bend) -> Reply {
    let dates = Dates::new(site.zone, call.date_format.as_deref());
    match call.endpoint {
        Endpoint::UserList => {
            users(site, &site.licensed(), call.detail, page, &dates, Bend { old_plugin: false, ..bend })
        }
        Endpoint::GroupMembers => match site.members(&call.subject) {
            Some(members) => users(site, &members, call.detail, page, &dates, bend),
            None if bend.empty => users(site, &[], call.detail, page, &dates, bend),
            None => no_such_group(&call.subject),
        },
        Endpoint::GroupList => {
            let names: Vec<_> = if bend.empty { Vec::new() } else { site.groups.keys().map(String::as_str).collect() };
            Reply::json(StatusCode::OK, group_page(names.len(), page, &names[page.range(names.len())]))
        }
        Endpoint::UserDetails => match site.find(&call.subject).filter(|user| !user.unsynced) {
            Some(user) => {
                let mut body = Vec::new();
                Record::of(user, site.has_access(user)).write(Detail::Extended, &dates, &mut body);
                Reply::json(StatusCode::OK, body)
            }
            None => no_such_user(&call.subject),
        },
        _ => Reply::message(StatusCode::NOT_FOUND, "null for uri"),
    }
}

fn users(site: &Population, users: &[&User], detail: Detail, page: Page, dates: &Dates, bend: Bend) -> Reply {
    let users = if bend.empty { &[] } else { users };
    let body = user_page(users.len(), page, |body| {
        for (nth, user) in users[page.range(users.len())].iter().enumerate() {
            if nth > 0 {
                body.push(b',');
            }
            let record = Record::of(user, site.has_access(user));
            if bend.old_plugin {
                body.push(b'{');
                json(&record.name, body);
                body.push(b':');
                json(&record.basic(), body);
                body.push(b'}');
            } else {
                record.write(detail, dates, body);
            }
        }
    });
    Reply::json(StatusCode::OK, body)
}

pub(super) fn no_such_user(name: &str) -> Reply {
    Reply::message(StatusCode::NOT_FOUND, &format!("User '{name}' does not exist"))
}

/// 500, not 404: so it was seen.
pub(super) fn no_such_group(name: &str) -> Reply {
    Reply::message(StatusCode::INTERNAL_SERVER_ERROR, &format!("Group '{name}' does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured() -> Record<'static> {
        let time = |millis| Timestamp::from_millis(millis).expect("a time in range");
        Record {
            key: "2c9b8082813df28e01813dfb03010000",
            name: "admin",
            full_name: "admin",
            email: "admin@example.com",
            department: "",
            position: "",
            location: "",
            phone: "",
            im: "",
            website: "",
            created_at: time(1_654_605_520_699),
            updated_at: time(1_654_605_520_699),
            last_login_at: Some(time(1_654_613_246_731)),
            last_failed_login_at: None,
            has_access: true,
        }
    }

    fn page_of(detail: Detail) -> String {
        let dates = Dates::new(chrono_tz::UTC, None);
        let body = user_page(1, Page { start: 0, limit: 100 }, |body| captured().write(detail, &dates, body));
        String::from_utf8(body).expect("JSON is UTF-8")
    }

    #[test]
    fn an_extended_page_is_the_captured_one_byte_for_byte() {
        // The server of the capture ran in UTC.
        let golden = concat!(
            r#"{"total":1,"maxResults":100,"startAt":0,"users":[{"business":[{"location":"","position":"","department":""}],"#,
            r#""lastFailedLoginDate":null,"lastSuccessfulLoginDate":1654613246731,"fullName":"admin","#,
            r#""personal":[{"website":"","im":"","phone":""}],"updatedDate":1654605520699,"lastFailedLoginDateString":null,"#,
            r#""createdDate":1654605520699,"createdDateString":"2022-06-07 12:38:40","hasAccessToUseConfluence":true,"#,
            r#""name":"admin","lastSuccessfulLoginDateString":"2022-06-07 14:47:26","#,
            r#""key":"2c9b8082813df28e01813dfb03010000","email":"admin@example.com","#,
            r#""updatedDateString":"2022-06-07 12:38:40"}],"status":"success"}"#,
        );
        assert_eq!(page_of(Detail::Extended), golden);
    }

    #[test]
    fn the_other_levels_show_less() {
        assert_eq!(
            page_of(Detail::Name),
            r#"{"total":1,"maxResults":100,"startAt":0,"users":[{"name":"admin"}],"status":"success"}"#
        );
        assert_eq!(
            page_of(Detail::Basic),
            concat!(
                r#"{"total":1,"maxResults":100,"startAt":0,"users":[{"name":"admin","fullName":"admin","#,
                r#""key":"2c9b8082813df28e01813dfb03010000","email":"admin@example.com"}],"status":"success"}"#
            )
        );
    }

    #[test]
    fn groups_are_the_captured_ones_byte_for_byte() {
        let body = group_page(2, Page { start: 0, limit: 50 }, &["confluence-administrators", "confluence-users"]);
        let golden = concat!(
            r#"{"total":2,"maxResults":50,"groups":["confluence-administrators","confluence-users"],"#,
            r#""startAt":0,"status":"success"}"#
        );
        assert_eq!(String::from_utf8(body).expect("JSON is UTF-8"), golden);
    }

    #[test]
    fn a_date_format_is_followed() {
        let dates = Dates::new(chrono_tz::UTC, Some("dd.MM.yyyy"));
        assert_eq!(dates.spell(captured().created_at), "07.06.2022");
    }
}
