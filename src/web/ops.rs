//! What machines ask about the service: `/healthz` (the loop turns), `/readyz` (every site is fresh), `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use super::metrics;
use super::mirror::{Lane, MirrorError, Reader};
use super::routes::Shared;
use crate::config::Config;
use crate::model::Timestamp;
use crate::store::{Freshness, applied_moments};

/// The loop turns every second. When it has not for so long it hangs.
const STILL: Duration = Duration::from_secs(30);

/// How long the database has to tell when the sites were walked.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// An answer of one line.
pub(super) fn line(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response()
}

/// Whether the loop turns. Asks nobody: neither the database nor a site can make it wait.
pub(super) async fn healthz(State(shared): State<Shared>) -> Response {
    let (status, text) = health(shared.pulse.beat().age());
    line(status, &text)
}

fn health(age: Duration) -> (StatusCode, String) {
    match age > STILL {
        false => (StatusCode::OK, "ok".to_owned()),
        true => (StatusCode::SERVICE_UNAVAILABLE, format!("the loop has not turned for {} s", age.as_secs())),
    }
}

/// Whether every site that is configured is fresh. Says how many are not; `rollbook status` says which.
pub(super) async fn readyz(State(shared): State<Shared>) -> Response {
    let config = shared.pulse.beat().config;
    let moments = async |mut reader: Reader| Ok(applied_moments(&mut reader).await?);
    let moments: Result<_, MirrorError> = shared.mirror.ask(Lane::Watch, READY_WITHIN, moments).await;
    match moments {
        Ok(moments) => {
            let (status, text) = readiness(&config, &moments, shared.clock.now());
            line(status, &text)
        }
        Err(error) => {
            tracing::warn!("/readyz cannot be answered: {error}");
            line(StatusCode::SERVICE_UNAVAILABLE, "not ready: the database cannot be read")
        }
    }
}

fn readiness(config: &Config, moments: &BTreeMap<String, Timestamp>, now: Timestamp) -> (StatusCode, String) {
    let sites = &config.sites;
    let is_fresh = |site: &&crate::config::Site| {
        Freshness::of(moments.get(&site.id).copied(), site.freshness, now) == Freshness::Ok
    };
    match (sites.iter().filter(is_fresh).count(), sites.len()) {
        (fresh, all) if fresh == all => (StatusCode::OK, "ready".to_owned()),
        (fresh, all) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: of {all} sites {fresh} are fresh")),
    }
}

/// The metrics, as Prometheus reads them.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics::exposition(&shared).await).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_told() {
        assert_eq!(health(Duration::from_secs(30)), (StatusCode::OK, "ok".to_owned()));
        let (status, text) = health(Duration::from_millis(45_900));
        assert_eq!((status, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the loop has not turned for 45 s"));
    }
}
