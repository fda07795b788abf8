//! Runs a report: one snapshot, the walks it rests on, the rows.

use sqlx::{AssertSqlSafe, Column as _, Connection, Executor, SqlSafeStr, SqliteConnection, Statement};

use super::{ParameterKind, Report, bind, rows};
use crate::model::{TimeError, Timestamp};
use crate::render::{Table, Value};

/// What is asked of a report.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only these sites; every site when empty.
    pub sites: Vec<String>,
    /// The state as the mirror knew it at this moment.
    pub as_of: Timestamp,
    /// `name=value`, as given.
    pub parameters: Vec<String>,
}

/// A report's answer.
#[derive(Clone, Debug)]
pub struct ReportResult {
    /// Which report.
    pub report: &'static Report,
    /// The moment it speaks of.
    pub as_of: Timestamp,
    /// Every parameter with its value, defaults included.
    pub parameters: Vec<(&'static str, Value)>,
    /// The newest walk of each site at or before as-of, by site.
    pub walks: Vec<WalkBasis>,
    /// A walk was partial or held, or a site had none yet: rows may be missing or out of date.
    pub incomplete: bool,
    /// The rows.
    pub table: Table,
}

/// The walk that a site's part of a report rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkBasis {
    /// The site's name.
    pub site: String,
    /// `None` when the site had no walk yet.
    pub walk: Option<Walk>,
}

/// A walk whose data is in the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// `walks.id`
    pub id: i64,
    /// `walks.status`
    pub status: String,
    /// The moment its data is dated by.
    pub at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Whole seconds from `at` to as-of.
    pub age_seconds: i64,
}

/// Why a report did not run.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It was not asked as it can be: an unknown site, parameter or group, or a value out of range.
    #[error("{0}")]
    Usage(String),
    /// Its SQL is not what its declaration says.
    #[error("the report {report} is not as declared: {reason}")]
    Declaration {
        /// The report's name.
        report: &'static str,
        /// Where the two differ.
        reason: String,
    },
    /// The database could not be read.
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    /// The database holds a time that is none.
    #[error("the database holds something that is not a time")]
    Time(#[from] TimeError),
}

/// Runs `report`. The answer is a function of the database and the request.
///
/// # Errors
/// [`ReportError::Usage`] names what may be asked instead.
pub async fn run(
    connection: &mut SqliteConnection,
    report: &'static Report,
    request: &Request,
) -> Result<ReportResult, ReportError> {
    let parameters = parameters(report, request)?;
    // One read transaction: the walks named and the rows shown are of the same moment.
    let mut snapshot = connection.begin().await?;
    let sites = sites(&mut snapshot, &request.sites).await?;
    for (parameter, (_, value)) in report.parameters.iter().zip(&parameters) {
        if let (ParameterKind::Group, Value::Text(group)) = (parameter.kind, value) {
            group_exists(&mut snapshot, group, &sites).await?;
        }
    }
    let walks = walks(&mut snapshot, &sites, request.as_of).await?;
    let table = answer(&mut snapshot, report, request.as_of, &sites, &parameters).await?;
    snapshot.rollback().await?;
    // What a walk was held for is missing too, unless a person said that it is not so.
    let whole = |walk: &Walk| matches!(walk.status.as_str(), "applied" | "rejected");
    let incomplete = walks.is_empty() || !walks.iter().all(|basis| basis.walk.as_ref().is_some_and(whole));
    Ok(ReportResult { report, as_of: request.as_of, parameters, walks, incomplete, table })
}

/// Every declared parameter with the value given for it, or its default.
fn parameters(report: &'static Report, request: &Request) -> Result<Vec<(&'static str, Value)>, ReportError> {
    let mut given: Vec<Option<Value>> = vec![None; report.parameters.len()];
    for text in &request.parameters {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            ReportError::Usage(format!("'{text}' is not a parameter: it is written NAME=VALUE, as in days=180"))
        })?;
        let place = report.parameters.iter().position(|parameter| parameter.name == name).ok_or_else(|| {
            let names: Vec<_> = report.parameters.iter().map(|parameter| parameter.name).collect();
            let valid =
                if names.is_empty() { "it takes none".into() } else { format!("it takes {}", names.join(", ")) };
            ReportError::Usage(format!("the report {} has no parameter '{name}': {valid}", report.name))
        })?;
        if given[place].is_some() {
            return Err(ReportError::Usage(format!("the parameter {name} is given twice")));
        }
        given[place] = Some(report.parameters[place].parse(value).map_err(ReportError::Usage)?);
    }
    Ok(report
        .parameters
        .iter()
        .zip(given)
        .map(|(parameter, value)| (parameter.name, value.unwrap_or_else(|| parameter.default_value(request.as_of))))
        .collect())
}

/// The chosen sites, or all, as the JSON array that the reports take.
async fn sites(connection: &mut SqliteConnection, chosen: &[String]) -> Result<String, ReportError> {
    let known: Vec<String> = sqlx::query_scalar("SELECT name FROM sites ORDER BY name").fetch_all(connection).await?;
    if let Some(unknown) = chosen.iter().find(|site| !known.contains(site)) {
        let known = if known.is_empty() { "it has none yet".into() } else { format!("it has {}", known.join(", ")) };
        return Err(ReportError::Usage(format!("the mirror has no site '{unknown}': {known}")));
    }
    let sites = if chosen.is_empty() { &known[..] } else { chosen };
    Ok(serde_json::Value::from(sites).to_string())
}

async fn group_exists(connection: &mut SqliteConnection, group: &str, sites: &str) -> Result<(), ReportError> {
    let found: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM group_history n JOIN groups g ON g.id = n.group_id JOIN sites s ON s.id = g.site_id \
         WHERE n.name = ?1 AND s.name IN (SELECT value FROM json_each(?2)))",
    )
    .bind(group)
    .bind(sites)
    .fetch_one(connection)
    .await?;
    if found {
        return Ok(());
    }
    Err(ReportError::Usage(format!(
        "the mirror has no group '{group}': `rollbook sql 'SELECT name FROM groups'` lists them"
    )))
}

/// Every chosen site with its newest walk at or before `as_of` that brought data: whatever became of its removals
/// afterwards, what it added is in the mirror.
async fn walks(
    connection: &mut SqliteConnection,
    sites: &str,
    as_of: Timestamp,
) -> Result<Vec<WalkBasis>, ReportError> {
    type Row = (String, Option<i64>, Option<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT s.name, w.id, w.status, w.at, w.finished_at FROM sites s \
         LEFT JOIN walks w ON w.id = ( \
             SELECT n.id FROM walks n WHERE n.site_id = s.id AND n.at <= ?2 \
                 AND n.status IN ('applied', 'partial', 'held', 'superseded', 'rejected') \
             ORDER BY n.at DESC, n.id DESC LIMIT 1) \
         WHERE s.name IN (SELECT value FROM json_each(?1)) ORDER BY s.name",
    )
    .bind(sites)
    .bind(as_of.to_sql())
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(site, id, status, at, finished_at)| {
            let walk = match (id, status, at) {
                (Some(id), Some(status), Some(at)) => {
                    let at = Timestamp::parse_sql(&at)?;
                    let finished_at = finished_at.as_deref().map(Timestamp::parse_sql).transpose()?;
                    let age_seconds = (as_of.millis() - at.millis()) / 1000;
                    Some(Walk { id, status, at, finished_at, age_seconds })
                }
                _ => None,
            };
            Ok(WalkBasis { site, walk })
        })
        .collect()
}

/// The statement with numbers for names, as [`answer`] binds them.
pub(super) fn statement(report: &'static Report) -> Result<String, ReportError> {
    let names: Vec<&str> =
        ["as_of", "sites"].into_iter().chain(report.parameters.iter().map(|parameter| parameter.name)).collect();
    bind::numbered(report.sql, &names).map_err(|name| ReportError::Declaration {
        report: report.name,
        reason: format!("its SQL names :{name}, which is no parameter"),
    })
}

async fn answer(
    connection: &mut SqliteConnection,
    report: &'static Report,
    as_of: Timestamp,
    sites: &str,
    parameters: &[(&'static str, Value)],
) -> Result<Table, ReportError> {
    let sql = statement(report)?;
    let mismatch = |reason| ReportError::Declaration { report: report.name, reason };
    let prepared = (&mut *connection).prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await?;
    let found: Vec<&str> = prepared.columns().iter().map(|column| column.name()).collect();
    let declared: Vec<&str> = report.columns.iter().map(|column| column.name).collect();
    if found != declared {
        return Err(mismatch(format!("its SQL answers {}; declared are {}", found.join(", "), declared.join(", "))));
    }
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(as_of.to_sql()).bind(sites);
    for (_, value) in parameters {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::Text(text) => query.bind(text),
            Value::Integer(number) => query.bind(number),
            Value::Real(number) => query.bind(number),
            Value::Time(time) => query.bind(time.to_sql()),
        };
    }
    let rows = query.fetch_all(connection).await?;
    rows::table(report.columns.iter().map(super::ReportColumn::column).collect(), &rows)
        .map_err(|error| mismatch(error.to_string()))
}
