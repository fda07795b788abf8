//! Which reports there are.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Shell, page as done};
use crate::render::{marked, visible};
use crate::report::{Origin, Registry, Report};
use crate::web::mirror::Lane;
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

/// How long reading the folder of one's own reports may take.
const READ_WITHIN: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "web/reports.html")]
struct Page<'a> {
    shell: Shell,
    reports: Vec<Row<'a>>,
    own: Vec<Row<'a>>,
    broken: Vec<Unusable>,
}

struct Row<'a> {
    name: &'a str,
    title: &'a str,
    /// Every second part is code.
    description: Vec<&'a str>,
    parameters: String,
}

impl<'a> Row<'a> {
    fn of(report: &'a Report) -> Self {
        let Report { name, title, description, parameters, .. } = report;
        let parameters: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        Self { name, title, description: marked(description), parameters: parameters.join(", ") }
    }
}

struct Unusable {
    name: String,
    reason: String,
}

/// All reports: those that come with the program, and one's own.
pub(super) async fn registry(shared: &Shared) -> Result<Registry, Refusal> {
    let folder = shared.pulse.beat().config.reports.path.clone();
    // On a thread of its own: the folder may be on a disk that hangs.
    let load = async move |_| Registry::load(folder.as_deref()).await.map_err(|error| Refusal::failed(&error));
    shared.mirror.ask(Lane::Quick, READ_WITHIN, load).await
}

pub(super) async fn page(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let registry = registry(&shared).await?;
    let is_own = |report: &&Report| matches!(report.origin, Origin::Own(_));
    let (own, reports) = registry.reports().iter().partition::<Vec<_>, _>(is_own);
    let broken = registry.broken().iter();
    let broken = broken.map(|broken| Unusable {
        name: visible(&broken.name).into_owned(),
        reason: visible(&broken.to_string()).into_owned(),
    });
    Ok(done(&Page {
        shell: Shell::new("Reports", "/reports", &shared),
        reports: reports.into_iter().map(Row::of).collect(),
        own: own.into_iter().map(Row::of).collect(),
        broken: broken.collect(),
    }))
}
