//! Cloud's `users-bulk`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::mirror::{Lane, Reader};
use super::super::refusal::Refusal;
use super::super::routes::Shared;
use super::bodies::object;
use super::rows::{LIMIT, each, told, truth};
use super::view::View;
use crate::store::sandbox::{Bound, Row};

const ACCOUNTS: &str = include_str!("sql/accounts.sql");

/// What Cloud calls whoever had an account that is closed.
const FORMER: &str = "Former user";

/// The most ids at once.
const MOST: usize = 250;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    account_ids: Vec<String>,
}

/// The ids that a body asks for, each once.
///
/// # Errors
/// It is no such body, or has none or too many.
pub(super) fn read(body: &[u8]) -> Result<Vec<String>, Refusal> {
    let batch: Batch =
        object(body).map_err(|why| Refusal::bad(format!("the body is not {{\"accountIds\": [\"…\"]}}: {why}")))?;
    if !(1..=MOST).contains(&batch.account_ids.len()) {
        return Err(Refusal::bad(format!("accountIds must hold between 1 and {MOST} ids")));
    }
    let mut seen = HashSet::new();
    Ok(batch.account_ids.into_iter().filter(|id| seen.insert(id.clone())).collect())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'a> {
    account_id: Option<Cow<'a, str>>,
    account_type: Option<Cow<'a, str>>,
    account_status: Option<Cow<'a, str>>,
    public_name: Option<Cow<'a, str>>,
    display_name: Option<Cow<'a, str>>,
    email: Cow<'a, str>,
    time_zone: Option<Cow<'a, str>>,
    personal_space_id: Option<&'a str>,
    is_external_collaborator: Option<bool>,
    profile_picture: Option<&'a str>,
}

fn account(row: Row<'_>) -> Account<'_> {
    let status = told(row, 2);
    // The mirror keeps who it was; Cloud does not tell it any more.
    let is_closed = status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("closed"));
    let named = |column| if is_closed { Some(FORMER.into()) } else { told(row, column) };
    let shown = |column| told(row, column).filter(|_| !is_closed);
    Account {
        account_id: told(row, 0),
        account_type: told(row, 1),
        public_name: named(3),
        display_name: named(4),
        email: shown(5).unwrap_or_default(),
        time_zone: shown(6),
        personal_space_id: None,
        is_external_collaborator: truth(row, 7),
        profile_picture: None,
        account_status: status,
    }
}

/// Answers for the ids that are known.
pub(super) async fn answer(shared: &Shared, view: &Arc<View>, ids: Vec<String>) -> Result<Bytes, Refusal> {
    let view = view.clone();
    let read = async move |mut reader: Reader| {
        let (mut body, mut parameters) = (br#"{"results":["#.to_vec(), view.parameters());
        parameters.push(("ids", Bound::Text(serde_json::json!(ids).to_string())));
        let mut is_first = true;
        each(&mut reader, ACCOUNTS, &parameters, |row| {
            if !std::mem::take(&mut is_first) {
                body.push(b',');
            }
            serde_json::to_writer(&mut body, &account(row)).expect("text into memory cannot fail");
        })
        .await?;
        let base = serde_json::json!(view.base_url);
        body.extend_from_slice(format!(r#"],"_links":{{"base":{base}}}}}"#).as_bytes());
        Ok(body.into())
    };
    shared.mirror.ask(Lane::Quick, LIMIT, read).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_asked_for_once() {
        assert_eq!(read(br#"{"accountIds":["b","a","b"]}"#).unwrap(), ["b", "a"]);
        let many = |count| serde_json::json!({ "accountIds": vec!["x"; count] }).to_string();
        assert_eq!(read(many(250).as_bytes()).unwrap(), ["x"]);
        for bad in ["", "{}", r#"{"accountIds":[]}"#, r#"{"accountIds":"x"}"#, r#"{"accountIds":[7]}"#, &many(251)] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().status.as_u16(), 400, "{bad}");
        }
    }
}
