//! What the first page knows of the sites: found out once for each state of the database, and day.

use std::time::Duration;

use sqlx::{Connection, QueryBuilder, SqliteConnection};

use super::super::changes::{ChangeRow, SELECT};
use crate::config::Config;
use crate::model::Timestamp;
use crate::render::{Chart, Kind, Table, Value, chart};
use crate::report::{Answer, ReportError, Request, Settings, collect, registry};
use crate::store::sandbox::SandboxError;
use crate::store::{SiteStanding, site_standings, walk_parts};
use crate::web::refusal::Refusal;
use crate::web::shelf::Weight;

/// Changes shown of each site.
const NEWEST: i64 = 10;

/// Whoever was not there for so many days is idle.
pub(super) const DAYS: i64 = 90;

/// What is known of all sites.
#[derive(Debug)]
pub(in crate::web::pages) struct Known {
    /// The moment that the figures are of.
    pub as_of: Timestamp,
    pub sites: Vec<KnownSite>,
    /// What a reader of the figures should know besides.
    pub notes: Vec<String>,
}

/// What is known of a site.
#[derive(Debug)]
pub(in crate::web::pages) struct KnownSite {
    pub name: String,
    pub kind: String,
    pub base_url: String,
    pub is_configured: bool,
    /// `None`: it was never walked.
    pub standing: Option<SiteStanding>,
    /// The parts of its newest walk that are not complete.
    pub incomplete_parts: Vec<String>,
    /// What its figures rest on was partial or held.
    pub is_incomplete: bool,
    /// `None`: no walk brought anything yet.
    pub seats: Option<Seats>,
    /// At the end of each month, the last of which is not over.
    pub months: Vec<Month>,
    /// The same, drawn.
    pub chart: String,
    pub changes: Vec<ChangeRow>,
}

/// A row of the report `seats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web::pages) struct Seats {
    pub licensed: i64,
    /// As configured.
    pub tier: Option<i64>,
    pub idle: i64,
    pub never: i64,
    pub unknown: i64,
    pub no_access: i64,
    pub deactivated: i64,
    pub missing: i64,
    pub deleted: i64,
    pub other: i64,
}

impl Seats {
    /// The seats in use, in per cent of the tier.
    pub fn percent(&self) -> Option<f64> {
        Some(100.0 * self.licensed as f64 / self.tier.filter(|tier| *tier > 0)? as f64)
    }
}

/// A row of the report `activity`.
#[derive(Clone, Debug)]
pub(in crate::web::pages) struct Month {
    pub ends_at: Timestamp,
    pub active: i64,
    pub logged_in: i64,
}

impl Weight for Known {
    fn weight(&self) -> usize {
        let site = |site: &KnownSite| {
            let changes: usize = site.changes.iter().map(ChangeRow::weight).sum();
            let held = site.standing.iter().flat_map(|standing| &standing.held).map(|held| held.reasons.len());
            size_of::<KnownSite>() + site.chart.len() + size_of_val(&*site.months) + changes + held.sum::<usize>()
        };
        self.sites.iter().map(site).sum()
    }
}

/// Each report has so long; without the months there is a page too.
const REPORT_WITHIN: Duration = Duration::from_secs(25);

/// Finds it out, as of one moment.
pub(super) async fn find(reader: &mut SqliteConnection, config: &Config, now: Timestamp) -> Result<Known, Refusal> {
    let mut snapshot = reader.begin().await?;
    let standings = site_standings(&mut snapshot).await?;
    let mut known = Known { as_of: now, sites: sites(config, standings), notes: Vec::new() };
    for site in &mut known.sites {
        let Some(standing) = &site.standing else { continue };
        if let Some(walk) = &standing.last_ended {
            let parts = walk_parts(&mut snapshot, walk.id).await?;
            let incomplete = parts.into_iter().filter(|(_, incomplete)| *incomplete);
            site.incomplete_parts = incomplete.map(|(part, _)| part).collect();
        }
        site.changes = changes(&mut snapshot, standing.id).await?;
    }
    // Last: a report takes its own limit, and with it that of the connection.
    count_seats(&mut snapshot, config, &mut known).await?;
    count_months(&mut snapshot, config, &mut known).await?;
    snapshot.rollback().await?;
    Ok(known)
}

/// Fills in what the report `seats` says.
async fn count_seats(connection: &mut SqliteConnection, config: &Config, known: &mut Known) -> Result<(), Refusal> {
    let answer = ask(connection, config, "seats", vec![format!("days={DAYS}")], known.as_of).await?;
    known.notes = answer.frame.notes;
    for site in &mut known.sites {
        let tier = tier(config, &site.name);
        site.is_incomplete = of_site(&answer.frame.walks, &site.name).any(|row| !is_whole(&row));
        site.seats = of_site(&answer.table, &site.name).next().map(|row| Seats::of(&row, tier));
    }
    Ok(())
}

/// Fills in what the report `activity` says, which reads the whole history.
async fn count_months(connection: &mut SqliteConnection, config: &Config, known: &mut Known) -> Result<(), Refusal> {
    let answer = match ask(connection, config, "activity", vec![], known.as_of).await {
        Err(ReportError::Sandbox(SandboxError::Timeout(_))) => {
            known.notes.push(LATE.to_owned());
            return Ok(());
        }
        answer => answer?,
    };
    known.notes.extend(answer.frame.notes);
    known.notes.dedup();
    for site in &mut known.sites {
        site.months = of_site(&answer.table, &site.name).filter_map(|row| Month::of(&row)).collect();
        site.chart = draw(site, tier(config, &site.name))?;
    }
    Ok(())
}

/// What stands in place of the months.
const LATE: &str = "The seats in use over time are not shown: counting them takes too long for a page. \
                    `rollbook report activity` has no limit.";

/// What a report says of all sites.
async fn ask(
    connection: &mut SqliteConnection,
    config: &Config,
    name: &str,
    parameters: Vec<String>,
    now: Timestamp,
) -> Result<Answer, ReportError> {
    let settings = Settings {
        // How fresh a site is depends on when one looks, and is told by its own badge.
        sites: config.sites.iter().map(|site| (site.id.clone(), Duration::from_secs(i64::MAX as u64))).collect(),
        ..Settings::of(config, Some(REPORT_WITHIN))
    };
    let request = Request { as_of: now, past: false, parameters, ..Request::default() };
    let report = registry::find(name).expect("it comes with the program");
    collect(connection, report, &request, &settings).await
}

/// How many seats a site has, as configured.
fn tier(config: &Config, site: &str) -> Option<i64> {
    let seats = config.sites.iter().find(|configured| configured.id == site)?.seats?;
    i64::try_from(seats).ok()
}

/// Those of the configuration, and those that the mirror has besides.
fn sites(config: &Config, standings: Vec<SiteStanding>) -> Vec<KnownSite> {
    let site = |name: &str, kind: &str, base_url: &str, is_configured| KnownSite {
        name: name.to_owned(),
        kind: kind.to_owned(),
        base_url: base_url.to_owned(),
        is_configured,
        standing: None,
        incomplete_parts: Vec::new(),
        is_incomplete: false,
        seats: None,
        months: Vec::new(),
        chart: String::new(),
        changes: Vec::new(),
    };
    let configured = config.sites.iter();
    let mut sites: Vec<_> =
        configured.map(|known| site(&known.id, known.kind.as_str(), known.base_url.as_str(), true)).collect();
    for standing in standings {
        let place = sites.iter().position(|site| site.name == standing.name).unwrap_or_else(|| {
            sites.push(site(&standing.name, &standing.kind, &standing.base_url, false));
            sites.len() - 1
        });
        sites[place].standing = Some(standing);
    }
    sites
}

/// The rows of a site, their values by the names of the columns.
fn of_site<'a>(table: &'a Table, site: &'a str) -> impl Iterator<Item = Named<'a>> {
    let rows = table.rows.iter().map(|row| Named { table, row });
    rows.filter(move |row| matches!(row.get("site"), Value::Text(name) if name == site))
}

struct Named<'a> {
    table: &'a Table,
    row: &'a [Value],
}

impl Named<'_> {
    fn get(&self, column: &str) -> &Value {
        let place = self.table.columns.iter().position(|known| known.name == column);
        place.map_or(&Value::Null, |place| &self.row[place])
    }

    fn number(&self, column: &str) -> i64 {
        if let Value::Integer(number) = self.get(column) { *number } else { 0 }
    }
}

/// As the report judges it: what was rejected by a person is not missing.
fn is_whole(walk: &Named<'_>) -> bool {
    matches!(walk.get("status"), Value::Text(status) if status == "applied" || status == "rejected")
}

impl Seats {
    fn of(row: &Named<'_>, tier: Option<i64>) -> Self {
        Self {
            licensed: row.number("licensed"),
            tier,
            idle: row.number("idle"),
            never: row.number("never"),
            unknown: row.number("unknown"),
            no_access: row.number("no_access"),
            deactivated: row.number("deactivated"),
            missing: row.number("missing"),
            deleted: row.number("deleted"),
            other: row.number("other"),
        }
    }
}

impl Month {
    fn of(row: &Named<'_>) -> Option<Self> {
        let Value::Time(ends_at) = *row.get("ends_at") else { return None };
        Some(Self { ends_at, active: row.number("active"), logged_in: row.number("logged_in") })
    }
}

const IN_USE: &str = "seats in use";
const TIER: &str = "tier";

/// The seats in use at the end of each month, and how many there are now.
fn draw(site: &KnownSite, tier: Option<i64>) -> Result<String, Refusal> {
    if site.months.is_empty() {
        return Ok(String::new());
    }
    let mut table = Table::new([("month", Kind::Time), (IN_USE, Kind::Integer), (TIER, Kind::Integer)]);
    let row = |month: &Month| vec![month.ends_at.into(), month.active.into(), tier.into()];
    table.rows = site.months.iter().map(row).collect();
    let mut lines = Chart { x: "month".to_owned(), y: vec![IN_USE.to_owned()] };
    lines.y.extend(tier.map(|_| TIER.to_owned()));
    let title = format!("{}: seats in use at the end of each month", site.name);
    chart(&lines, &table, &title, &id(&site.name)).map_err(|error| Refusal::failed(&error))
}

/// What the ids of a site's elements begin with: no two sites have the same.
pub(super) fn id(site: &str) -> String {
    let digits: String = site.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("s{digits}-")
}

/// The newest changes of a site that has any: the feed is read from its end to them.
async fn changes(connection: &mut SqliteConnection, site: i64) -> Result<Vec<ChangeRow>, sqlx::Error> {
    let any = "SELECT EXISTS (SELECT 1 FROM walks WHERE site_id = ? AND changes > 0)";
    if !sqlx::query_scalar::<_, bool>(any).bind(site).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    let mut sql = QueryBuilder::new(SELECT);
    sql.push(" AND c.walk_id IN (SELECT id FROM walks WHERE changes > 0 AND site_id = ").push_bind(site);
    sql.push(") ORDER BY c.id DESC LIMIT ").push_bind(NEWEST);
    sql.build_query_as().fetch_all(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sites_share_an_id() {
        assert_eq!(id("a-b"), "s612d62-");
        assert_ne!(id("a.b"), id("a-b"));
    }

    #[test]
    fn the_tier_is_told_where_it_is_known() {
        let row = Table::default();
        let seats = |licensed, tier| Seats { licensed, ..Seats::of(&Named { table: &row, row: &[] }, tier) };
        assert_eq!(seats(50, Some(200)).percent(), Some(25.0));
        assert_eq!(seats(50, None).percent(), None);
    }
}
