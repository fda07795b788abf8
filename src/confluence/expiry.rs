//! When credentials expire, where a system tells.
//!
//! Neither interface says which of the account's tokens the caller has; what is told is told of all of them.

use bytes::Bytes;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cloud::OrganizationApi;
use super::error::{RequestError, Right};
use super::http::{Client, Request};
use super::page::category;
use crate::model::Timestamp;

/// When each token expires; `None` is never.
pub type Expiries = Vec<Option<Timestamp>>;

/// The personal access tokens of the account behind `client`, on Data Center. The vendor does not document the endpoint;
/// public clients use it. A site that does not have it answers 404.
pub async fn personal_tokens(client: &Client) -> Result<Expiries, RequestError> {
    const PATH: [&str; 4] = ["rest", "pat", "latest", "tokens"];
    let request = Request::get(client.url(&PATH, &[]), PATH.join("/"), Right::UseConfluence);
    client.send(&request, |body: Bytes| told(&body, List::Bare)).await
}

impl OrganizationApi<'_> {
    /// The organization's API keys. One with scopes needs another than for users, so that 401 and 403 say nothing of it.
    pub async fn api_keys(&self) -> Result<Expiries, RequestError> {
        let path = ["api-access", "v1", "orgs", self.id(), "api-keys"];
        let request =
            Request::get(self.client().url(&path, &[]), "api-access/v1/orgs/{id}/api-keys", Right::Organization);
        self.client().send(&request, |body: Bytes| told(&body, List::Data)).await
    }
}

/// How the list stands in the answer.
#[derive(Clone, Copy)]
enum List {
    Bare,
    /// In a member `data`.
    Data,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow, default, rename = "expiringAt", alias = "expiresAt")]
    expires: Option<&'a RawValue>,
    /// An organization's: one that was revoked expires no more.
    #[serde(default)]
    status: Option<String>,
}

fn told(body: &[u8], list: List) -> Result<Expiries, String> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        data: Vec<Token<'a>>,
    }
    let tokens: Result<Vec<Token<'_>>, _> = match list {
        List::Bare => serde_json::from_slice(body),
        List::Data => serde_json::from_slice(body).map(|data: Data<'_>| data.data),
    };
    let tokens = tokens.map_err(|error| format!("not the JSON of a list of tokens: {}", category(&error)))?;
    let revoked =
        |token: &Token<'_>| token.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("revoked"));
    tokens.iter().filter(|token| !revoked(token)).map(|token| moment(token.expires)).collect()
}

/// A time in any of the spellings seen: RFC 3339, the same with a zone without a colon, milliseconds.
fn moment(value: Option<&RawValue>) -> Result<Option<Timestamp>, String> {
    let Some(value) = value.map(RawValue::get).filter(|value| *value != "null") else { return Ok(None) };
    let text = value.trim_matches('"');
    let zoned = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok();
    let spelled = DateTime::parse_from_rfc3339(text).ok().or_else(zoned).map(|time| time.timestamp_millis());
    let millis = spelled.or_else(|| value.parse().ok());
    let time = millis.and_then(|millis| Timestamp::from_millis(millis).ok());
    time.map(Some).ok_or_else(|| "a token whose time of expiry cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(body: &str, list: List) -> Result<Vec<Option<String>>, String> {
        told(body.as_bytes(), list).map(|all| all.into_iter().map(|at| at.map(Timestamp::to_sql)).collect())
    }

    #[test]
    fn every_spelling_of_a_time_is_read() {
        for time in [
            r#""2026-04-15T10:30:00.000+0000""#,
            r#""2026-04-15T10:30:00Z""#,
            r#""2026-04-15T12:30:00.000+02:00""#,
            "1776249000000",
        ] {
            let body = format!(r#"[{{"id":1,"name":"canary","createdAt":"x","expiringAt":{time}}}]"#);
            assert_eq!(spelled(&body, List::Bare).unwrap(), [Some("2026-04-15 10:30:00.000".to_owned())], "{time}");
        }
        assert_eq!(spelled(r#"[{"id":1,"expiringAt":null},{"id":2}]"#, List::Bare).unwrap(), [None, None]);
        assert!(spelled("[]", List::Bare).unwrap().is_empty());
    }

    #[test]
    fn an_organizations_keys_stand_in_data_and_revoked_ones_do_not_count() {
        let body = r#"{"data":[{"id":"a","status":"REVOKED","expiresAt":"2025-01-01T00:00:00Z"},
            {"id":"b","status":"ALLOWED","expiresAt":"2026-04-15T10:30:00.000Z"}],"links":{}}"#;
        assert_eq!(spelled(body, List::Data).unwrap(), [Some("2026-04-15 10:30:00.000".to_owned())]);
    }

    #[test]
    fn what_is_no_list_is_told_without_its_text() {
        for body in [r#"{"secret":1}"#, "<html>secret", r#"[{"expiringAt":"secret"}]"#, r#"{"data":7}"#] {
            for list in [List::Bare, List::Data] {
                let error = spelled(body, list).unwrap_err();
                assert!(!error.contains("secret"), "{error}");
            }
        }
    }
}
