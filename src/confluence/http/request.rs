//! A request: where it goes, what it is called, what its failures mean.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::confluence::error::{RequestError, Right, Trouble};

/// A request: its URL, how it is named in errors, and how patient to be.
pub struct Request {
    /// The whole URL.
    pub url: Url,
    /// What errors call it: never with a person's name in it.
    pub label: String,
    /// JSON to POST; `None` is a GET.
    pub json: Option<Bytes>,
    /// How often it is sent again after a passing failure; `None` = as configured.
    pub retries: Option<u32>,
    /// The same after a 429; `None` = as `retries`. What is seldom tried again is no sign of a blocked account.
    pub retries_when_limited: Option<u32>,
    /// The same after a 503; `None` = as `retries`. It may mean that an interface is switched off.
    pub retries_when_out: Option<u32>,
    /// It changes nothing at the site: sent again even when the site may have acted on it.
    pub is_read: bool,
    /// Sent again as it is when the answer does not come in time; else whoever asked asks for less.
    pub again_when_late: bool,
    /// The right it needs, for whoever lacks it.
    pub right: Right,
    /// 401 may also mean that the account is no administrator: it does not end everything.
    pub vague_401: bool,
    /// Everybody may ask it: whoever is refused here, by a page in front of the site say, is told nothing about the
    /// credentials.
    pub is_public: bool,
    /// How long an answer may take; `None` = as configured.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A GET.
    pub fn get(url: Url, label: impl Into<String>, right: Right) -> Self {
        Self {
            url,
            label: label.into(),
            json: None,
            retries: None,
            retries_when_limited: None,
            retries_when_out: None,
            is_read: true,
            again_when_late: true,
            right,
            vague_401: false,
            is_public: false,
            timeout: None,
        }
    }

    /// A POST of JSON; a read unless told otherwise.
    pub fn post(url: Url, label: impl Into<String>, right: Right, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::get(url, label, right) }
    }

    /// Its failure.
    pub(super) fn failed(&self, attempts: u32, trouble: Trouble) -> RequestError {
        let method = if self.json.is_some() { "POST" } else { "GET" };
        RequestError { request: format!("{method} {}", self.label), attempts, right: self.right, trouble }
    }
}
