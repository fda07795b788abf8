//! One attempt: a request sent, its answer judged, its body read.

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::retry::{Failed, Stage};
use super::{CONNECT_TIMEOUT, Client, Request};
use crate::config::Credentials;
use crate::confluence::error::{PAGE_CAP, Trouble};

/// Buffers kept for the next pages.
const KEPT_BUFFERS: usize = 1;

impl Client {
    /// One attempt, up to the head of an answer that can be believed.
    pub(super) async fn answer(&self, request: &Request) -> Result<Response, Failed> {
        let sent = match &request.json {
            None => self.http.get(request.url.clone()),
            // Without the header, or as a form, it would be taken for one that a browser was made to send (XSRF).
            Some(json) => self
                .http
                .post(request.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .header("X-Atlassian-Token", "no-check")
                .body(json.clone()),
        };
        let sent = match request.timeout {
            Some(timeout) => sent.timeout(timeout),
            None => sent,
        };
        let sent = match &self.credentials {
            Credentials::Basic { username, password } => sent.basic_auth(username, Some(password.reveal())),
            Credentials::Bearer { token } => sent.bearer_auth(token.reveal()),
        };
        let sent_at = self.heard.as_ref().map(|_| self.judge.now());
        let response = sent.send().await.map_err(|error| {
            let stage = if error.is_connect() { Stage::NotProcessed } else { Stage::Sent };
            Failed { stage, ..self.transport(request, error).into() }
        })?;
        if let Some(sent_at) = sent_at {
            self.note(sent_at, response.headers());
        }
        self.judge.judge(&response, request.vague_401)?;
        Ok(response)
    }

    /// The whole body, at most [`PAGE_CAP`] of it, decoded.
    pub(super) async fn body(&self, request: &Request, mut response: Response) -> Result<Bytes, Failed> {
        let broken = |error| self.transport(request, error);
        let expected = response.content_length().unwrap_or(0).min(PAGE_CAP) as usize;
        let first = match response.chunk().await.map_err(broken)? {
            None => return Ok(Bytes::new()),
            Some(chunk) if chunk.len() == expected => return Ok(chunk),
            Some(chunk) => chunk,
        };
        // A page's buffer is used again once the page is done with: a fresh one costs its page faults each time.
        let mut body = self.buffers.lock().expect("no panic while held").pop().unwrap_or_default();
        body.reserve(expected.max(first.len()));
        body.extend_from_slice(&first);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if (body.len() + chunk.len()) as u64 > PAGE_CAP {
                return Err(Trouble::TooLarge { cap: PAGE_CAP }.into());
            }
            body.extend_from_slice(&chunk);
        }
        let page = body.split().freeze();
        let mut buffers = self.buffers.lock().expect("no panic while held");
        if buffers.len() < KEPT_BUFFERS {
            buffers.push(body);
        }
        Ok(page)
    }

    /// reqwest's own text holds the URL with its query; only the innermost cause is kept.
    pub(super) fn transport(&self, request: &Request, error: reqwest::Error) -> Trouble {
        if error.is_timeout() && error.is_connect() {
            return Trouble::Unreachable(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()));
        }
        if error.is_timeout() {
            return Trouble::TimedOut(request.timeout.unwrap_or(self.limits.request_timeout));
        }
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Trouble::Unreachable(cause.to_string())
    }
}
