//! What a system says of when tokens expire.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::Reply;
use crate::model::Timestamp;

/// The account's personal access tokens, as Data Center lists them; a time in them has a zone without a colon.
pub(super) fn personal(expiries: &[Option<Timestamp>]) -> Reply {
    let spelled = |at: Timestamp| at.to_rfc3339().replace('Z', "+0000");
    let token = |(nth, at): (usize, &Option<Timestamp>)| {
        json!({
            "id": nth + 1,
            "name": format!("canary token {}", nth + 1),
            "createdAt": "2025-01-06T09:00:00.000+0000",
            "lastAccessed": null,
            "expiringAt": at.map(spelled),
        })
    };
    Reply::json(StatusCode::OK, expiries.iter().enumerate().map(token).collect::<Value>().to_string())
}

/// An organization's API keys.
pub(super) fn keys(expiries: &[Option<Timestamp>]) -> Reply {
    let key = |(nth, at): (usize, &Option<Timestamp>)| {
        json!({
            "id": format!("key-{}", nth + 1),
            "label": format!("canary key {}", nth + 1),
            "status": "ALLOWED",
            "createdAt": "2025-01-06T09:00:00.000Z",
            "expiresAt": at.map(Timestamp::to_rfc3339),
        })
    };
    let data: Value = expiries.iter().enumerate().map(key).collect();
    Reply::json(StatusCode::OK, json!({ "data": data, "links": {} }).to_string())
}
