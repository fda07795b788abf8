//! Confluence User Export: its search, in the shape its page documents, and the files it makes of a list.

use std::collections::VecDeque;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::call::{Call, Endpoint, Page, Reply};
use super::extender::{Bend, Dates};
use super::population::{Population, User};

/// How it spells times: in the server's zone, without seconds.
pub(super) const DATES: &str = "yyyy-MM-dd HH:mm";

/// The documented fields, in the documented order.
const FIELDS: [&str; 11] = [
    "username",
    "active",
    "fullName",
    "email",
    "directoryName",
    "createdDate",
    "updatedDate",
    "groups",
    "preferredLanguage",
    "canUse",
    "lastLogin",
];

/// One user as the app shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    pub username: &'a str,
    pub active: bool,
    pub full_name: &'a str,
    pub email: &'a str,
    pub directory_name: &'a str,
    pub created_date: String,
    pub updated_date: String,
    /// In order.
    pub groups: Vec<&'a str>,
    pub preferred_language: &'a str,
    pub can_use: bool,
    /// `None` before the release that tells it, `Some(None)` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Option<String>>,
}

impl<'a> Row<'a> {
    fn of(site: &'a Population, user: &'a User, dates: &Dates, last_login: bool) -> Self {
        let groups = site.groups.iter().filter(|(_, keys)| keys.contains(&user.key)).map(|(name, _)| name.as_str());
        Self {
            username: &user.name,
            active: user.enabled,
            full_name: &user.full_name,
            email: &user.email,
            directory_name: &user.directory,
            created_date: dates.spell(user.created_at),
            updated_date: dates.spell(user.updated_at),
            groups: groups.collect(),
            preferred_language: &user.language,
            can_use: site.has_access(user),
            last_login: last_login.then(|| user.last_login_at.map(|time| dates.spell(time))),
        }
    }

    /// Appends this user as the `nth` of its page, counted from 0.
    pub fn write(&self, nth: usize, body: &mut Vec<u8>) {
        if nth > 0 {
            body.push(b',');
        }
        serde_json::to_writer(body, self).expect("text and numbers into memory cannot fail");
    }
}

/// What stands before the users of a page.
pub(super) fn begin() -> Vec<u8> {
    br#"{"users":["#.to_vec()
}

/// A page, after its last user.
pub(super) fn end(mut body: Vec<u8>, more: bool) -> Vec<u8> {
    body.extend_from_slice(format!(r#"],"hasNextPage":{more}}}"#).as_bytes());
    body
}

/// Answers a search from the site's present state.
pub(super) fn search(site: &Population, call: &Call, asked: Page, bend: Bend, last_login: bool) -> Reply {
    let wanted = |user: &&User| {
        user.exists() && !bend.empty && call.search.wants(user.enabled, &user.name, &user.full_name, &user.email)
    };
    let mut users: Vec<_> = site.users.values().filter(wanted).collect();
    users.sort_by_cached_key(|user| user.name.to_lowercase());
    let dates = Dates::new(site.zone, Some(DATES));
    let range = asked.range(users.len());
    let more = range.end < users.len();
    let mut body = begin();
    for (nth, user) in users[range].iter().enumerate() {
        Row::of(site, user, &dates, last_login).write(nth, &mut body);
    }
    Reply::json(StatusCode::OK, end(body, more))
}

struct File {
    name: String,
    kind: &'static str,
    bytes: Bytes,
}

/// The files in the server's temp folder, the latest of them.
#[derive(Default)]
pub(super) struct Files {
    kept: VecDeque<File>,
    made: u64,
}

impl Files {
    const KEPT: usize = 20;
    const FOLDER: &'static str = "/var/atlassian/application-data/confluence/temp";

    /// Makes a file of the list that the client sent, or sends one made before.
    pub fn answer(&mut self, call: &Call, body: &[u8], seed: u64) -> Reply {
        match call.endpoint {
            Endpoint::UserExportFile => match serde_json::from_slice::<Vec<Map<String, Value>>>(body) {
                Ok(users) => self.make(&call.subject, &users, body, seed),
                Err(_) => Reply::message(StatusCode::BAD_REQUEST, "Cannot deserialize the list of users"),
            },
            _ => match self.kept.iter().find(|file| file.name == call.subject) {
                Some(file) => {
                    let disposition = format!("attachment; filename=\"{}\"", file.name);
                    let mut reply = Reply::json(StatusCode::OK, file.bytes.clone());
                    reply.content_type = file.kind;
                    reply.with_header("Content-Disposition", &disposition)
                }
                None => Reply::message(StatusCode::NOT_FOUND, "There is no such file"),
            },
        }
    }

    fn make(&mut self, extension: &str, users: &[Map<String, Value>], sent: &[u8], seed: u64) -> Reply {
        let (kind, bytes) = match extension {
            "xml" => ("application/xml", xml(users).into_bytes()),
            "csv" => ("text/csv", csv(users)),
            "xlsx" => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx(sent)),
            _ => ("application/json", sent.to_vec()),
        };
        self.made += 1;
        let name = format!("confluenceuserexport{}.{extension}", uuid(seed, self.made));
        if self.kept.len() == Self::KEPT {
            self.kept.pop_front();
        }
        let path = format!("{}/{name}", Self::FOLDER);
        let reply = serde_json::json!({ "fileName": name, "filePath": path });
        self.kept.push_back(File { name, kind, bytes: bytes.into() });
        Reply::json(StatusCode::OK, reply.to_string())
    }
}

/// The same for the same site, and never twice in it.
fn uuid(seed: u64, nth: u64) -> String {
    let digest = Sha256::digest([seed.to_be_bytes(), nth.to_be_bytes()].concat());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// A cell's text. No public page says how lists are written; here with commas.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

fn csv(users: &[Map<String, Value>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = std::iter::once(FIELDS.map(str::to_owned))
        .chain(users.iter().map(|user| FIELDS.map(|field| text(user.get(field)))))
        .try_for_each(|record| writer.write_record(record));
    written.and_then(|()| Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)).expect("memory takes all")
}

fn xml(users: &[Map<String, Value>]) -> String {
    let mut page = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<users>\n".to_owned();
    for user in users {
        page.push_str("  <user>");
        for field in FIELDS {
            let Some(value) = user.get(field) else { continue };
            let content = match value {
                Value::Array(list) => list.iter().map(|value| element("group", &escape(&text(Some(value))))).collect(),
                value => escape(&text(Some(value))),
            };
            page.push_str(&element(field, &content));
        }
        page.push_str("</user>\n");
    }
    page.push_str("</users>\n");
    page
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Not a workbook, only what begins like one: nothing here opens it.
fn xlsx(sent: &[u8]) -> Vec<u8> {
    [b"PK\x03\x04\x14\0\0\0\0\0", &b"[Content_Types].xml"[..], sent].concat()
}
