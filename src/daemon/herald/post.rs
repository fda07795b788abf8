//! A signed POST request to a webhook.

use std::time::Duration;

use hmac::{Hmac, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect;
use sha2::{Digest, Sha256};

use crate::config::{Secret, Webhook};
use crate::model::Timestamp;
use crate::store::DueNotification;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends to webhooks.
pub(super) struct Post(reqwest::Client);

/// Whom a webhook tells, as it is told others: its server, and a fingerprint of the address, which may be a secret.
pub(super) fn target(webhook: &Webhook) -> String {
    let address = webhook.url.reveal();
    let digest = Sha256::digest(address.as_bytes());
    let server = url::Url::parse(address).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{server} {:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

/// What proves to the receiver who sent `body`, and when: `t=UNIX,v1=HEX`, an HMAC-SHA-256 over `UNIX.BODY`.
pub(super) fn signature(key: &Secret, now: Timestamp, body: &str) -> String {
    let seconds = now.millis() / 1_000;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).expect("a key of any length will do");
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

impl Post {
    /// Follows nobody elsewhere.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(redirect::Policy::none()).timeout(TIMEOUT);
        client.connect_timeout(TIMEOUT / 2).build().map(Self)
    }

    /// Sends it. Says what was answered: whether that was well, and in a word.
    pub(super) async fn send(&self, webhook: &Webhook, due: &DueNotification, now: Timestamp) -> (bool, String) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("rollbook/", env!("CARGO_PKG_VERSION"))));
        headers.insert("Rollbook-Delivery", HeaderValue::from(due.id));
        if let Ok(event) = HeaderValue::from_str(&due.event) {
            headers.insert("Rollbook-Event", event);
        }
        if let Some(key) = &webhook.secret
            && let Ok(signature) = HeaderValue::from_str(&signature(key, now, &due.body))
        {
            headers.insert("Rollbook-Signature", signature);
        }
        match self.0.post(webhook.url.reveal()).headers(headers).body(due.body.clone()).send().await {
            Ok(answer) => (answer.status().is_success(), format!("HTTP {}", answer.status().as_u16())),
            // Its address may be a secret.
            Err(error) => (false, reason(&error.without_url())),
        }
    }
}

fn reason(error: &reqwest::Error) -> String {
    match error {
        error if error.is_timeout() => "timed out".to_owned(),
        error if error.is_connect() => "cannot be reached".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_any_other_implementation() {
        // printf '1769847300.{"text":"x"}' | openssl dgst -sha256 -hmac key
        let now = Timestamp::from_millis_clamped(1_769_847_300_007);
        let signed = signature(&Secret::new("key".into()), now, r#"{"text":"x"}"#);
        assert_eq!(signed, "t=1769847300,v1=fb59b4badc20b309e2710e2b8dc3422be721224fc080e5f95c15e15c1e792ae3");
    }

    #[test]
    fn a_target_does_not_tell_the_address() {
        let webhook = Webhook {
            url: Secret::new("https://chat.example.com:8443/hook/s3cret?x=1".into()),
            secret: None,
            events: Vec::new(),
        };
        let target = target(&webhook);
        assert!(target.starts_with("https://chat.example.com:8443 ") && !target.contains("s3cret"), "{target}");
    }
}
