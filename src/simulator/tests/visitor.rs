//! Somebody who asks the site over HTTP, and follows no redirect.

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::simulator::*;

pub struct Visitor {
    pub site: Simulator,
    pub client: Client,
}

impl Visitor {
    pub async fn at(settings: Settings) -> Self {
        Self::of(Simulator::start(settings).await.expect("a free port"))
    }

    /// At the large site that does not evolve.
    pub async fn at_static(settings: Settings) -> Self {
        Self::of(Simulator::start_bulk(settings).await.expect("a free port"))
    }

    fn of(site: Simulator) -> Self {
        // An error only says that another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { site, client }
    }

    pub async fn small() -> Self {
        Self::at(Settings { users: 60, seed: 7, ..Settings::default() }).await
    }

    pub async fn ask(&self, path: &str) -> Response {
        let url = format!("{}/rest/extender/1.0/{path}", self.site.base_url());
        self.client.get(url).basic_auth("audit", Some("audit")).send().await.expect("an answer")
    }

    pub async fn json(&self, path: &str) -> Value {
        let reply = self.ask(path).await;
        assert_eq!(reply.status(), 200, "{path}");
        serde_json::from_str(&reply.text().await.expect("a body")).expect("JSON")
    }

    /// Every element of a listing, page by page.
    pub async fn walk(&self, path: &str, list: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.json(&format!("{path}{sign}startAt={}&maxResults=1000", rows.len())).await;
            let part = page[list].as_array().expect("a list").clone();
            if part.is_empty() {
                assert_eq!(page["total"], rows.len());
                return rows;
            }
            rows.extend(part);
        }
    }

    /// The answer to a POST of JSON, anywhere below the base URL.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.site.base_url());
        let request = self.client.post(url).basic_auth("audit", Some("audit"));
        request.header("Content-Type", "application/json").body(body.to_string()).send().await.expect("an answer")
    }

    /// The answer to a GET anywhere below the base URL.
    pub async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.site.base_url());
        self.client.get(url).basic_auth("audit", Some("audit")).send().await.expect("an answer")
    }

    /// A fault for the next request.
    pub fn strike(&self, what: FaultKind) {
        self.site.add_fault(Fault::once(Target::default(), what));
    }
}
