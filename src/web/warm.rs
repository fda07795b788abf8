//! Pages that count all users take long, and are kept until the database changes. Those that somebody asked for lately are
//! made anew right then, before somebody asks again: a walk comes every few hours, and a reader should not be the one who
//! waits for what it brought.

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::connection::Line;
use super::routes::Shared;

/// What is made sooner need not be made before.
const LONG: Duration = Duration::from_millis(50);
/// After a change: pages that were asked for in this time.
const LATELY: Duration = Duration::from_secs(24 * 3600);
/// When the hour of which pages are has passed: those that are being looked at.
const JUST_NOW: Duration = Duration::from_secs(2 * 3600);
/// A walk writes more than once: it is waited until nobody has written for so long.
const QUIET: Duration = Duration::from_secs(5);
/// So many pages at most.
const PAGES: usize = 32;
/// How often it is looked, and how long the database has to say whether it has changed.
const EVERY: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(3);

/// The addresses of pages that took long, and when each was asked for last; the latest last.
#[derive(Debug)]
pub(super) struct Recent(Mutex<Vec<(String, Instant)>>);

impl Default for Recent {
    /// The first page, which is what is asked for first.
    fn default() -> Self {
        Self(Mutex::new(vec![("/".to_owned(), Instant::now())]))
    }
}

impl Recent {
    /// It was asked for; of one that is not known yet, whether it took long.
    fn note(&self, address: &str, took_long: bool) {
        let mut pages = self.0.lock().expect("no panic while held");
        let known = pages.iter().position(|(known, _)| known == address).map(|at| pages.remove(at));
        if known.is_none() && !took_long {
            return;
        }
        if pages.len() == PAGES {
            pages.remove(0);
        }
        pages.push((address.to_owned(), Instant::now()));
    }

    /// Those that were asked for within this time, the latest first.
    fn within(&self, time: Duration) -> Vec<String> {
        let pages = self.0.lock().expect("no panic while held");
        let recent = pages.iter().rev().filter(|(_, asked)| asked.elapsed() <= time);
        recent.map(|(address, _)| address.clone()).collect()
    }
}

/// Around the pages: which of them take long.
pub(super) async fn remember(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET;
    let address = request.uri().path_and_query().map(|address| address.as_str().to_owned());
    let begun = Instant::now();
    let response = next.run(request).await;
    // A file that is written is nothing that is kept.
    let is_file = response.headers().contains_key(axum::http::header::CONTENT_DISPOSITION);
    if let Some(address) = address.filter(|_| is_page && !is_file && response.status() == StatusCode::OK) {
        shared.recent.note(&address, begun.elapsed() > LONG);
    }
    response
}

/// Makes them anew, for as long as the server runs. `pages` is asked as a reader would, less the token.
pub(super) async fn keep(shared: Shared, pages: Router) {
    let (mut seen, mut changed, mut made) = (None, Instant::now(), None);
    loop {
        sleep(EVERY).await;
        // One that cannot be read is told where it is asked for.
        let Ok(generation) = shared.mirror.generation(WITHIN).await else { continue };
        let state = (generation, shared.clock.now().hour());
        if seen != Some(state) {
            (seen, changed) = (Some(state), Instant::now());
        }
        if made == seen || changed.elapsed() < QUIET {
            continue;
        }
        let lately = match made {
            Some((before, _)) if before == generation => JUST_NOW,
            _ => LATELY,
        };
        for address in shared.recent.within(lately) {
            let mut request = Request::new(Body::empty());
            let Ok(uri) = address.parse() else { continue };
            *request.uri_mut() = uri;
            request.extensions_mut().insert(ConnectInfo(Line::default()));
            // What cannot be made is told when it is asked for.
            let Ok(_) = pages.clone().oneshot(request).await;
        }
        made = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_is_remembered_and_the_oldest_forgotten() {
        let recent = Recent::default();
        recent.note("/walks", false);
        recent.note("/reports/activity", true);
        assert_eq!(recent.within(LATELY), ["/reports/activity", "/"]);
        recent.note("/", false);
        assert_eq!(recent.within(LATELY), ["/", "/reports/activity"], "it was kept, and is wanted still");
        for page in 0..PAGES {
            recent.note(&format!("/reports/users?page={page}"), true);
        }
        assert_eq!(recent.within(LATELY).len(), PAGES);
        assert!(!recent.within(LATELY).contains(&"/".to_owned()));
        assert!(recent.within(Duration::ZERO).is_empty());
    }
}
