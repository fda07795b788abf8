//! A report: what may be asked of it, and its answer, a page at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::report_form::{Field, Question};
use super::report_pager::{Pager, ROWS};
use super::report_rows::{Following, Heading, body, next_order, sorted};
use super::{Shell, download, reports};
use crate::config::Config;
use crate::model::Timestamp;
use crate::render::{Format, Frame, chart, html_head, marked, quoted, visible};
use crate::report::{self, Origin, Report, ReportError, Settings, View, Window, registry};
use crate::web::asked::Asked;
use crate::web::connection::Line;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;
use crate::web::shelf::Weight;

/// How long a report may take for a page.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// A page that is kept.
#[derive(Debug)]
pub(super) struct Kept(String);

impl Weight for Kept {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

/// `/reports/NAME`, and `/reports/NAME.csv`.
pub(super) async fn page(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    ConnectInfo(line): ConnectInfo<Line>,
    asked: Asked,
) -> Result<Response, Refusal> {
    match find(&shared, &name).await? {
        (report, None) => show(shared, report, asked).await,
        (report, Some(format)) => download::file(shared, report, format, asked, line).await,
    }
}

/// The report of this name, or that and the format of its file.
async fn find(shared: &Shared, name: &str) -> Result<(Report, Option<Format>), Refusal> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let format = Format::of_files().find(|format| format.as_str() == ending);
    // One that comes with the program needs no folder read.
    if let Some(report) = registry::find(name) {
        return Ok((report.clone(), None));
    }
    if let (Some(report), Some(_)) = (registry::find(stem), format) {
        return Ok((report.clone(), format));
    }
    let registry = reports::registry(shared).await?;
    let named = |name: &str| registry.reports().iter().find(|report| report.name == name);
    if let Some(report) = named(name) {
        return Ok((report.clone(), None));
    }
    match (named(stem), format) {
        (Some(report), Some(_)) => return Ok((report.clone(), format)),
        (Some(report), None) => {
            let endings: Vec<&str> = Format::of_files().map(Format::as_str).collect();
            let (ending, endings) = (quoted(ending), endings.join(", "));
            let name = &report.name;
            return Err(Refusal::absent(format!(
                "the report {name} is no file that ends in {ending}: there are {endings}"
            )));
        }
        _ => {}
    }
    if let Some(broken) = registry.broken().iter().find(|broken| [name, stem].contains(&broken.name.as_str())) {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, broken.to_string()));
    }
    let known = registry.reports().iter().map(|report| report.name.as_str());
    Err(Refusal::absent(format!(
        "there is no report {}: the nearest are {}; /reports has all of them",
        quoted(name),
        nearest(name, known).join(", ")
    )))
}

/// Those names that are spelled most like `name`.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const SHOWN: usize = 3;
    // A name may be as long as an address.
    let name: String = name.chars().take(100).collect();
    let mut known: Vec<_> = known.map(|known| (strsim::damerau_levenshtein(&name, known), known)).collect();
    known.sort_unstable();
    known.into_iter().take(SHOWN).map(|(_, known)| known).collect()
}

/// Why there is no page to keep.
enum Instead {
    /// A page that says what was wrong with the question.
    Page(StatusCode, String),
    Refusal(Refusal),
}

impl<E: Into<Refusal>> From<E> for Instead {
    fn from(error: E) -> Self {
        Self::Refusal(error.into())
    }
}

async fn show(shared: Shared, report: Report, asked: Asked) -> Result<Response, Refusal> {
    let question = Question::of(asked, &report);
    let beat = shared.pulse.beat();
    let now = shared.clock.now();
    // What is told of now is told of a moment of this hour, which it says; days are counted from it.
    let key =
        format!("{} {} {}{}", beat.loaded_at.millis(), now.hour(), report.name, question.paged(&report, question.page));
    // The file of somebody's own may change at any time; and what was not understood is not what was kept.
    let is_kept = !matches!(report.origin, Origin::Own(_)) && question.mistake.is_none();
    let shelf = shared.pages.clone();
    let generation = shared.mirror.contents(SHOWN_WITHIN).await?;
    let drawn = draw(shared, report, question, beat.config, now);
    let html = match is_kept {
        false => drawn.await.map(Arc::new),
        true => shelf.reports.get(generation, key, SHOWN_WITHIN, drawn).await,
    };
    let (status, html) = match html {
        Ok(kept) => (StatusCode::OK, kept.0.clone()),
        Err(Instead::Page(status, html)) => (status, html),
        Err(Instead::Refusal(refusal)) => return Err(refusal),
    };
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// What the database says.
struct Found {
    /// The sites that may be chosen.
    sites: BTreeSet<String>,
    answer: Result<View, (StatusCode, String)>,
}

async fn draw(
    shared: Shared,
    report: Report,
    question: Question,
    config: Arc<Config>,
    now: Timestamp,
) -> Result<Kept, Instead> {
    let settings = Settings::of(&config, None);
    let (told, asked) = (report.clone(), question.clone());
    let ask = async move |mut reader: Reader| -> Result<Found, Refusal> {
        let known: Vec<String> = sqlx::query_scalar("SELECT name FROM sites").fetch_all(&mut *reader).await?;
        let sites = known.into_iter().chain(config.sites.iter().map(|site| site.id.clone())).collect();
        let answer = match asked.request(now) {
            Err(why) => Err((StatusCode::BAD_REQUEST, why)),
            Ok(request) => {
                let window = Window { order: asked.order, offset: (asked.page - 1) * ROWS, size: ROWS };
                match report::view(&mut reader, &told, &request, &settings, &window).await {
                    Ok(view) => Ok(view),
                    // It can be asked otherwise.
                    Err(error @ (ReportError::Usage(_) | ReportError::Pruned { .. })) => {
                        let refusal = Refusal::from(error);
                        Err((refusal.status, refusal.message))
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(Found { sites, answer })
    };
    let found = shared.mirror.ask(Lane::Report, SHOWN_WITHIN, ask).await?;
    let status = found.answer.as_ref().err().map(|(status, _)| *status);
    let shell = Shell::new(visible(&report.title), "/reports", &shared);
    let page = Page::of(shell, &report, &question, &found, now)?;
    let html = page.render().map_err(|error| Refusal::failed(&error))?;
    match status {
        None => Ok(Kept(html)),
        Some(status) => Err(Instead::Page(status, html)),
    }
}

#[derive(Template)]
#[template(path = "web/report.html")]
struct Page<'a> {
    shell: Shell,
    name: &'a str,
    /// Every second part is code.
    description: Vec<&'a str>,
    fields: Vec<Field>,
    moment: Field,
    sites: Vec<(&'a str, bool)>,
    order: Vec<(&'static str, String)>,
    /// What was wrong with the question.
    mistake: Option<String>,
    answer: Option<Shown<'a>>,
    files: Vec<(&'static str, String)>,
}

/// The answer.
struct Shown<'a> {
    head: crate::render::HtmlHead<'a>,
    chart: String,
    headings: Vec<Heading>,
    /// The report's own order, where there is another now.
    unsorted: Option<String>,
    body: String,
    rows: u64,
    pager: Pager,
    following: Vec<Following>,
}

impl<'a> Page<'a> {
    fn of(
        shell: Shell,
        report: &'a Report,
        question: &Question,
        found: &'a Found,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let (mistake, answer) = match &found.answer {
            Ok(view) => (None, Some(Shown::of(report, question, view)?)),
            Err((_, why)) => (Some(why.clone()), None),
        };
        let query = question.query(report, &[]);
        let file = |format: Format| (format.as_str(), format!("/reports/{}.{}{query}", report.name, format.as_str()));
        let order = question.order.iter().flat_map(|order| {
            let way = order.descending.then(|| ("order", "desc".to_owned()));
            [("sort", order.column.clone())].into_iter().chain(way)
        });
        let sites =
            if found.sites.len() > 1 || !question.sites.is_empty() { found.sites.iter() } else { Default::default() };
        Ok(Self {
            shell,
            name: &report.name,
            description: marked(&report.description),
            fields: question.fields(report),
            moment: question.moment(now),
            sites: sites.map(|site| (site.as_str(), question.sites.contains(site))).collect(),
            order: order.collect(),
            files: if answer.is_some() { Format::of_files().map(file).collect() } else { Vec::new() },
            mistake,
            answer,
        })
    }
}

impl<'a> Shown<'a> {
    fn of(report: &'a Report, question: &Question, view: &'a View) -> Result<Self, Refusal> {
        let View { answer, rows, drawn } = view;
        let as_of = question.as_of.as_deref();
        let now = question.order.as_ref();
        let address = |query: String| format!("/reports/{}{query}", report.name);
        let heading = |column: &report::ReportColumn| Heading {
            name: visible(&column.name).into_owned(),
            meaning: visible(&column.meaning).into_owned(),
            number: column.kind.is_number(),
            address: address(question.sorted(report, &next_order(&column.name, now))),
            sorted: sorted(&column.name, now),
        };
        Ok(Self {
            head: html_head(Some(&answer.frame), &report.title),
            chart: drawing(&answer.frame, drawn.as_ref())?,
            headings: report.columns.iter().map(heading).collect(),
            unsorted: now.map(|_| address(question.query(report, &[]))),
            body: body(&answer.table, as_of),
            rows: *rows,
            pager: Pager::of(question.page, *rows, |page| address(question.paged(report, page))),
            following: answer.appendices.iter().filter_map(|appendix| Following::of(appendix, as_of)).collect(),
        })
    }
}

fn drawing(frame: &Frame, rows: Option<&crate::render::Table>) -> Result<String, Refusal> {
    let (Some(drawn), Some(rows)) = (&frame.chart, rows) else { return Ok(String::new()) };
    chart(drawn, rows, &frame.title, "").map_err(|error| Refusal::failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_told() {
        let known = || registry::built_in().iter().map(|report| report.name.as_str());
        assert_eq!(nearest("inactiv", known())[0], "inactive");
        assert_eq!(nearest("never-loged-in", known())[0], "never-logged-in");
        assert_eq!(nearest(&"x".repeat(1 << 20), known()).len(), 3);
    }
}
