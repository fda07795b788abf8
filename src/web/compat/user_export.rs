//! The search of Confluence User Export.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::mirror::{Generation, Lane, Reader};
use super::super::refusal::Refusal;
use super::super::routes::Shared;
use super::bodies::object;
use super::dates::{Dates, TO_THE_MINUTE};
use super::extender::{LARGEST_PAGE, ids, part};
use super::roster::exported;
use super::rows::{LIMIT, each, text, time, told, truth};
use super::view::View;
use crate::model::Timestamp;
use crate::store::sandbox::Row;

const EXPORT: &str = include_str!("sql/export.sql");

/// How many users a page has where nobody asks.
const USUAL_PAGE: u64 = 1_000;

/// What the body says; `null` is as if it were not there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    search_string: Option<String>,
    active_users: Option<bool>,
    in_active_users: Option<bool>,
    offset: Option<u64>,
    page_size: Option<u64>,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// In lower case.
    text: String,
    active: bool,
    inactive: bool,
    offset: u64,
    size: u64,
}

impl Search {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not what the app takes.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let payload: Payload = object(body).map_err(|why| {
            let fields =
                "searchString (text), activeUsers, inActiveUsers (true or false), offset and pageSize (numbers)";
            Refusal::bad(format!("the body is no search: {why}; it is a JSON object of {fields}"))
        })?;
        let size = payload.page_size.unwrap_or(USUAL_PAGE);
        if size == 0 {
            return Err(Refusal::bad("pageSize is 0, which asks for nothing: it is a number from 1 on"));
        }
        Ok(Self {
            text: payload.search_string.unwrap_or_default().to_lowercase(),
            active: payload.active_users.unwrap_or(true),
            inactive: payload.in_active_users.unwrap_or(true),
            offset: payload.offset.unwrap_or(0),
            size: size.min(LARGEST_PAGE),
        })
    }

    /// What tells this search from others.
    pub fn key(&self) -> String {
        format!("{self:?}")
    }
}

// The fields stand in the order of the app's page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    username: Cow<'a, str>,
    active: Option<bool>,
    full_name: Cow<'a, str>,
    email: Cow<'a, str>,
    directory_name: Option<Cow<'a, str>>,
    created_date: Option<String>,
    updated_date: Option<String>,
    groups: &'a RawValue,
    preferred_language: Option<Cow<'a, str>>,
    can_use: Option<bool>,
    /// What is not known is left out, and null is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login: Option<Option<String>>,
}

/// Answers a search.
pub(super) async fn search(
    shared: &Shared,
    generation: Generation,
    view: &Arc<View>,
    search: Search,
    zone: chrono_tz::Tz,
) -> Result<Bytes, Refusal> {
    let all = exported(shared, generation, view).await?;
    let view = view.clone();
    let read = async move |mut reader: Reader| {
        let Search { text, active, inactive, offset, size } = search;
        let found = all.0.iter().filter(|user| user.is_found(&text, active, inactive)).map(|user| user.id);
        let found: Vec<i64> = found.collect();
        let range = part(offset, size, found.len());
        let more = range.end < found.len();
        let (mut body, mut parameters) = (br#"{"users":["#.to_vec(), view.parameters());
        parameters.push(("ids", ids(&found[range])));
        let dates = Dates::new(zone, TO_THE_MINUTE).expect("a pattern of our own");
        let mut is_first = true;
        each(&mut reader, EXPORT, &parameters, |row| {
            if !std::mem::take(&mut is_first) {
                body.push(b',');
            }
            write(row, &dates, &mut body);
        })
        .await?;
        body.extend_from_slice(format!(r#"],"hasNextPage":{more}}}"#).as_bytes());
        Ok(body.into())
    };
    shared.mirror.ask(Lane::Quick, LIMIT, read).await
}

fn write(row: Row<'_>, dates: &Dates, body: &mut Vec<u8>) {
    let spell = |time: Option<Timestamp>| time.map(|time| dates.spell(time));
    let groups = text(row, 7);
    let last_login = time(row, 11);
    let user = User {
        username: text(row, 0),
        active: truth(row, 1),
        full_name: text(row, 2),
        email: text(row, 3),
        directory_name: told(row, 4),
        created_date: spell(time(row, 5)),
        updated_date: spell(time(row, 6)),
        groups: serde_json::from_str(&groups).expect("SQLite writes JSON"),
        preferred_language: told(row, 8),
        can_use: truth(row, 9),
        last_login: (truth(row, 10) == Some(true) || last_login.is_some()).then(|| spell(last_login)),
    };
    serde_json::to_writer(body, &user).expect("text and numbers into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_everybody() {
        let all = Search { text: String::new(), active: true, inactive: true, offset: 0, size: 1000 };
        for body in ["{}", r#"{"searchString":null,"offset":null}"#, r#"{"unknown":[1]}"#] {
            assert_eq!(Search::read(body.as_bytes()).unwrap(), all, "{body}");
        }
        let body = r#"{"searchString":"ÖZIL","activeUsers":false,"inActiveUsers":true,"offset":7,"pageSize":99999}"#;
        let some = Search { text: "özil".into(), active: false, inactive: true, offset: 7, size: 10_000 };
        assert_eq!(Search::read(body.as_bytes()).unwrap(), some);
    }

    #[test]
    fn what_is_no_search_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            "{",
            r#"{"offset":-1}"#,
            r#"{"offset":"1"}"#,
            r#"{"offset":1.5}"#,
            r#"{"pageSize":0}"#,
            r#"{"pageSize":99999999999999999999}"#,
            r#"{"activeUsers":"yes"}"#,
            r#"{"searchString":7}"#,
        ] {
            let refusal = Search::read(body.as_bytes()).unwrap_err();
            assert_eq!(refusal.status.as_u16(), 400, "{body}");
        }
    }
}
