//! Runs a report: one snapshot, the walks it rests on, the rows.

use std::io;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};

use super::declaration::{Origin, Report, ReportColumn};
use super::exceptions::{self, Excepting};
use super::parameter::ParameterKind;
use super::past;
use super::sift::{Sift, Sifting};
use crate::config::{Config, Exception};
use crate::model::{TimeError, Timestamp};
use crate::render::{Appendix, Cell, Column, Frame, Kind, Sink, Table, Value, quoted};
use crate::store::sandbox::{self, Bound, Described, Limits, Question, Raw, Reader, Row, SandboxError};
use crate::store::{self, Boundary};

/// What is asked of a report.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only these sites; every site when empty.
    pub sites: Vec<String>,
    /// The state as the mirror knew it at this moment.
    pub as_of: Timestamp,
    /// The moment was asked for, and is not simply now.
    pub past: bool,
    /// `name=value`, as given.
    pub parameters: Vec<String>,
    /// Some of its rows alone.
    pub sift: Option<Sift>,
}

impl Default for Request {
    /// The beginning of time; to be filled in.
    fn default() -> Self {
        let as_of = Timestamp::from_millis_clamped(i64::MIN);
        Self { sites: vec![], as_of, past: true, parameters: vec![], sift: None }
    }
}

/// What the configuration says to the reports.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `[[exceptions]]`
    pub exceptions: Vec<Exception>,
    /// The configured sites, and how old the last walk of each may be; they may not have been walked yet.
    pub sites: Vec<(String, Duration)>,
    /// Site and name of each group that is said to grant access.
    pub licence_groups: Vec<(String, String)>,
    /// The longest a statement may run; `None` is as long as it takes.
    pub timeout: Option<Duration>,
}

impl Settings {
    /// As the configuration has them, with this limit.
    pub fn of(config: &Config, timeout: Option<Duration>) -> Self {
        let groups = config.sites.iter().flat_map(|site| {
            let groups = site.licence_groups.iter();
            groups.map(|group| (site.id.clone(), group.clone()))
        });
        let sites = config.sites.iter().map(|site| (site.id.clone(), site.freshness)).collect();
        Self { exceptions: config.exceptions.clone(), sites, licence_groups: groups.collect(), timeout }
    }
}

/// What was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What the rows are and rest on.
    pub frame: Frame,
    /// How many there were.
    pub rows: u64,
    /// How many accounts were excepted.
    pub excepted: u64,
}

/// A report's answer, kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the rows are and rest on.
    pub frame: Frame,
    /// The rows.
    pub table: Table,
    /// What follows them.
    pub appendices: Vec<Appendix>,
}

/// Why a report did not run.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It was not asked as it can be: an unknown site, parameter or group, or a value out of range.
    #[error("{0}")]
    Usage(String),
    /// Of that moment nothing is known any more.
    #[error(
        "as of {} UTC the mirror does not know any more how things were: {boundary}; ask --as-of {} or later",
        &as_of.to_sql()[..19], boundary.cutoff.to_rfc3339()
    )]
    Pruned {
        /// What was asked.
        as_of: Timestamp,
        /// Since when it knows.
        boundary: Boundary,
    },
    /// Its SQL is not what its declaration says, or is none.
    #[error("the report {report} is not as declared: {reason}")]
    Declaration {
        /// The report's name.
        report: String,
        /// Where the two differ.
        reason: String,
    },
    /// Its SQL was stopped, or the database could not be read.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The database could not be read.
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    /// The database holds a time that is none.
    #[error("the database holds something that is not a time")]
    Time(#[from] TimeError),
    /// The rows could not be written.
    #[error("the result cannot be written")]
    Output(#[from] io::Error),
}

/// Runs `report` and writes its rows to what `open` makes of its frame and columns. The answer is a function of the
/// database, the request and the settings.
///
/// # Errors
/// [`ReportError::Usage`] names what may be asked instead.
pub async fn run<'o>(
    connection: &mut SqliteConnection,
    report: &Report,
    request: &Request,
    settings: &Settings,
    open: impl FnOnce(&Frame, &[Column]) -> io::Result<Box<dyn Sink + 'o>>,
) -> Result<Told, ReportError> {
    run_part(connection, report, request, settings, None, open).await
}

/// Some of the rows in the report's own order, where SQLite may pass over the others: not all that it takes to make a row
/// is done for those that are only counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub offset: u64,
    pub size: u64,
}

impl Part {
    fn sql(self, sql: &str) -> String {
        format!("SELECT * FROM (\n{sql}\n) LIMIT {} OFFSET {}", self.size, self.offset)
    }
}

/// As [`run`], with a part of the rows; all are counted.
pub(super) async fn run_part<'o>(
    connection: &mut SqliteConnection,
    report: &Report,
    request: &Request,
    settings: &Settings,
    part: Option<Part>,
    open: impl FnOnce(&Frame, &[Column]) -> io::Result<Box<dyn Sink + 'o>>,
) -> Result<Told, ReportError> {
    let parameters = parameters(report, request)?;
    // One read transaction: the walks named and the rows shown are of the same moment.
    let mut snapshot = connection.begin().await?;
    let boundary = store::boundary(&mut snapshot).await?;
    past::refuse(boundary, request)?;
    let described = sandbox::describe(&mut snapshot, &report.sql).await;
    let (columns, asked) = described.map_err(|error| declaration(report, error))?;
    let names: Vec<String> = columns.into_iter().map(|column| column.name).collect();
    report.has_columns(&names).map_err(|reason| ReportError::Declaration { report: report.name.clone(), reason })?;
    answers(report, request, &asked)?;
    let configured: Vec<&str> = settings.sites.iter().map(|(site, _)| site.as_str()).collect();
    let sites = sites(&mut snapshot, &request.sites, &configured).await?;
    for (parameter, (_, value)) in report.parameters.iter().zip(&parameters) {
        if let (ParameterKind::Group, Value::Text(group)) = (&parameter.kind, value) {
            group_exists(&mut snapshot, group, &sites, request.as_of).await?;
        }
    }
    let rests_on = match report.every_site {
        true => self::sites(&mut snapshot, &[], &configured).await?,
        false => sites.clone(),
    };
    let walks = walks(&mut snapshot, &rests_on, request.as_of).await?;
    let mut bound = vec![
        ("as_of", Bound::Text(request.as_of.to_sql())),
        ("sites", Bound::Text(sites)),
        ("licence_groups", Bound::Text(serde_json::json!(settings.licence_groups).to_string())),
    ];
    let own = report.parameters.iter().zip(&parameters);
    bound.extend(own.map(|(parameter, (_, value))| (parameter.name.as_str(), parameter.bound(value))));

    let excepts = report.exceptions;
    let mut notes = if request.past { vec![] } else { stale(&walks, &settings.sites) };
    if excepts {
        notes.extend(exceptions::notes(&settings.exceptions, request.as_of));
    }
    notes.extend(past::note(boundary, report, request, &parameters));
    let frame = Frame {
        what: report.origin.what(),
        name: report.name.clone(),
        title: report.title.clone(),
        description: report.description.clone(),
        as_of: request.as_of,
        parameters: parameters.into_iter().chain(request.sift.iter().flat_map(Sift::parameters)).collect(),
        incomplete: !is_whole(&walks),
        walks,
        notes,
        chart: report.chart.clone(),
    };
    let columns: Vec<Column> = report.columns.iter().map(ReportColumn::column).collect();
    let excepting = excepts.then(|| Excepting::new(&settings.exceptions, request.as_of, &columns));
    let sifting = request.sift.as_ref().map(|sift| Sifting::new(sift, &columns));
    let mut rows = Rows {
        report,
        columns,
        excepting,
        sifting,
        open: Some(|columns: &[Column]| open(&frame, columns)),
        sink: None,
        rows: 0,
    };
    let limits = Limits { timeout: settings.timeout, rows: None };
    let wrong = |error| match error {
        ReportError::Sandbox(error) => declaration(report, error),
        other => other,
    };
    let sql = part.map(|part| part.sql(&report.sql));
    let question = Question { sql: sql.as_deref().unwrap_or(&report.sql), parameters: &bound, limits };
    sandbox::read(&mut snapshot, question, &mut rows).await.map_err(wrong)?;
    let mut all = Count(0);
    if part.is_some() {
        let sql = format!("SELECT count(*) FROM (\n{}\n)", report.sql);
        let question = Question { sql: &sql, parameters: &bound, limits };
        sandbox::read(&mut snapshot, question, &mut all).await.map_err(wrong)?;
    }
    let Rows { sink, excepting, rows, .. } = rows;
    snapshot.rollback().await?;
    let appendices = excepting.map(Excepting::finish).unwrap_or_default();
    let excepted = appendices.first().map_or(0, |excepted| excepted.table.rows.len() as u64);
    if let Some(sink) = sink {
        sink.finish(&appendices)?;
    }
    Ok(Told { frame, rows: if part.is_some() { all.0 } else { rows }, excepted })
}

/// As [`run`], the rows kept.
///
/// # Errors
/// As [`run`].
pub async fn collect(
    connection: &mut SqliteConnection,
    report: &Report,
    request: &Request,
    settings: &Settings,
) -> Result<Answer, ReportError> {
    struct Keep<'a>(&'a mut Table, &'a mut Vec<Appendix>);
    impl Sink for Keep<'_> {
        fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
            self.0.rows.push(row.iter().map(Cell::to_value).collect());
            Ok(())
        }
        fn finish(self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
            self.1.extend_from_slice(appendices);
            Ok(())
        }
    }
    let (mut table, mut appendices) = (Table::default(), Vec::new());
    let told = run(connection, report, request, settings, |_, columns| {
        table.columns = columns.to_vec();
        Ok(Box::new(Keep(&mut table, &mut appendices)))
    })
    .await?;
    Ok(Answer { frame: told.frame, table, appendices })
}

/// What SQLite says of the statement of a report, as a fault of the report where it is one.
fn declaration(report: &Report, error: SandboxError) -> ReportError {
    match error {
        SandboxError::Invalid { .. } | SandboxError::Refused(_) => {
            ReportError::Declaration { report: report.name.clone(), reason: error.to_string() }
        }
        other => ReportError::Sandbox(other),
    }
}

/// Refuses to have somebody's own report say something of a time or a site that it does not ask for.
fn answers(report: &Report, request: &Request, asked: &[String]) -> Result<(), ReportError> {
    let Origin::Own(path) = &report.origin else { return Ok(()) };
    let lacks = |name: &str| !asked.iter().any(|asked| asked == name);
    let refuse = |option: &str, name: &str, what: &str| {
        let path = path.display();
        Err(ReportError::Usage(format!("{option}: the SQL of {path} does not name :{name}, so it tells {what} alone")))
    };
    if request.past && lacks("as_of") {
        return refuse("--as-of", "as_of", "the present");
    }
    if !request.sites.is_empty() && lacks("sites") {
        return refuse("--site", "sites", "all sites");
    }
    Ok(())
}

/// How many rows there are.
struct Count(u64);

impl Reader for Count {
    type Error = ReportError;

    fn begin(&mut self, _: &[Described]) -> Result<(), ReportError> {
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), ReportError> {
        if let Raw::Integer(rows) = row.get(0) {
            self.0 = u64::try_from(rows).unwrap_or_default();
        }
        Ok(())
    }
}

/// Takes the rows from SQLite, and gives them on.
struct Rows<'r, 'e, 'o, O> {
    report: &'r Report,
    columns: Vec<Column>,
    excepting: Option<Excepting<'e>>,
    sifting: Option<Sifting>,
    /// Makes the sink.
    open: Option<O>,
    sink: Option<Box<dyn Sink + 'o>>,
    rows: u64,
}

impl<'o, O: FnOnce(&[Column]) -> io::Result<Box<dyn Sink + 'o>>> Reader for Rows<'_, '_, 'o, O> {
    type Error = ReportError;

    fn begin(&mut self, _: &[Described]) -> Result<(), ReportError> {
        self.sink = self.open.take().map(|open| open(&self.columns)).transpose()?;
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), ReportError> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (i, column) in self.columns.iter().enumerate() {
            cells.push(cell(row.get(i), column, &self.report.name)?);
        }
        if self.excepting.as_mut().is_some_and(|excepting| excepting.takes(&cells)) {
            return Ok(());
        }
        if self.sifting.as_mut().is_some_and(|sifting| !sifting.takes(&cells)) {
            return Ok(());
        }
        self.rows += 1;
        match &mut self.sink {
            Some(sink) => Ok(sink.row(&cells)?),
            None => Ok(()),
        }
    }
}

/// A value as one of its column's kind: nothing is converted in silence.
fn cell<'a>(raw: Raw<'a>, column: &Column, report: &str) -> Result<Cell<'a>, ReportError> {
    Ok(match (column.kind, raw) {
        (_, Raw::Null) => Cell::Null,
        (Kind::Text | Kind::Any, Raw::Text(text)) => Cell::Text(text),
        (Kind::Integer | Kind::Any, Raw::Integer(number)) => Cell::Integer(number),
        (Kind::Boolean, Raw::Integer(number @ (0 | 1))) => Cell::Integer(number),
        (Kind::Real | Kind::Any, Raw::Real(number)) => Cell::Real(number),
        (Kind::Real, Raw::Integer(number)) => Cell::Real(number as f64),
        (Kind::Time, Raw::Text(text)) => Cell::Time(Timestamp::parse_sql(&text)?),
        (Kind::Any, Raw::Blob(bytes)) => Cell::hex(bytes),
        (kind, _) => {
            return Err(ReportError::Declaration {
                report: report.to_owned(),
                reason: format!("a value of the column {} is not of the type {}", column.name, kind.as_str()),
            });
        }
    })
}

impl Report {
    /// Refuses parameters (`name=value`) that the report does not take.
    ///
    /// # Errors
    /// A sentence that says what it takes.
    pub fn check(&self, parameters: &[String]) -> Result<(), String> {
        let request = Request { parameters: parameters.to_vec(), ..Request::default() };
        self::parameters(self, &request).map(drop).map_err(|error| error.to_string())
    }
}

/// Every declared parameter with the value given for it, or its default.
fn parameters(report: &Report, request: &Request) -> Result<Vec<(String, Value)>, ReportError> {
    let mut given: Vec<Option<Value>> = vec![None; report.parameters.len()];
    for text in &request.parameters {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            ReportError::Usage(format!("{} is not a parameter: it is written NAME=VALUE, as in days=180", quoted(text)))
        })?;
        let place = report.parameters.iter().position(|parameter| parameter.name == name).ok_or_else(|| {
            let names: Vec<_> = report.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let valid =
                if names.is_empty() { "it takes none".into() } else { format!("it takes {}", names.join(", ")) };
            ReportError::Usage(format!("the report {} has no parameter {}: {valid}", report.name, quoted(name)))
        })?;
        if given[place].is_some() {
            return Err(ReportError::Usage(format!("the parameter {name} is given twice")));
        }
        given[place] = Some(report.parameters[place].parse(value).map_err(ReportError::Usage)?);
    }
    let values = report.parameters.iter().zip(given);
    Ok(values
        .map(|(parameter, value)| {
            (parameter.name.clone(), value.unwrap_or_else(|| parameter.default_value(request.as_of)))
        })
        .collect())
}

/// The chosen sites, or all, as the JSON array that the reports take.
async fn sites(
    connection: &mut SqliteConnection,
    chosen: &[String],
    configured: &[&str],
) -> Result<String, ReportError> {
    let mut known: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sites ORDER BY name").fetch_all(connection).await?;
    known.extend(configured.iter().map(|site| (*site).to_owned()));
    known.sort();
    known.dedup();
    if let Some(unknown) = chosen.iter().find(|site| !known.contains(site)) {
        let known = if known.is_empty() { "it has none yet".into() } else { format!("it has {}", known.join(", ")) };
        return Err(ReportError::Usage(format!("the mirror has no site {}: {known}", quoted(unknown))));
    }
    let sites = if chosen.is_empty() { &known[..] } else { chosen };
    Ok(serde_json::Value::from(sites).to_string())
}

async fn group_exists(
    connection: &mut SqliteConnection,
    group: &str,
    sites: &str,
    as_of: Timestamp,
) -> Result<(), ReportError> {
    // The name that it had at as-of; before the mirror knew it, the one it has now.
    let found: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM groups g JOIN sites s ON s.id = g.site_id \
         WHERE s.name IN (SELECT value FROM json_each(?2)) \
             AND g.id IN (SELECT id FROM groups WHERE name = ?1 UNION ALL SELECT group_id FROM group_versions WHERE name = ?1) \
             AND ?1 = coalesce( \
             (SELECT n.name FROM group_history n WHERE n.group_id = g.id AND n.valid_from <= ?3 AND n.valid_to > ?3), g.name))",
    )
    .bind(group)
    .bind(sites)
    .bind(as_of.to_sql())
    .fetch_one(connection)
    .await?;
    if found {
        return Ok(());
    }
    Err(ReportError::Usage(format!(
        "the mirror has no group {} at that time: `rollbook report groups` lists them",
        quoted(group)
    )))
}

/// Every chosen site with its newest walk at or before `as_of` that brought data: whatever became of its removals
/// afterwards, what it added is in the mirror.
async fn walks(connection: &mut SqliteConnection, sites: &str, as_of: Timestamp) -> Result<Table, ReportError> {
    type Row = (Option<i64>, String, Option<String>, Option<String>, Option<String>);
    // What was held then is told as it stood then; what could not be read in a walk whose hold was rejected is missing still.
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT w.id, j.value, CASE \
                WHEN h.walk_id IS NULL THEN w.status \
                WHEN h.decided_at IS NULL OR h.decided_at > ?2 THEN 'held' \
                WHEN w.status = 'rejected' AND h.walk_error IS NOT NULL THEN 'partial' \
                ELSE w.status END, \
             w.at, CASE WHEN w.finished_at <= ?2 THEN w.finished_at END \
         FROM json_each(?1) j LEFT JOIN sites s ON s.name = j.value \
         LEFT JOIN walks w ON w.id = ( \
             SELECT n.id FROM walks n WHERE n.site_id = s.id AND n.at <= ?2 \
                 AND n.status IN ('applied', 'partial', 'held', 'superseded', 'rejected') \
             ORDER BY n.at DESC, n.id DESC LIMIT 1) \
         LEFT JOIN holds h ON h.walk_id = w.id \
         ORDER BY j.value",
    )
    .bind(sites)
    .bind(as_of.to_sql())
    .fetch_all(connection)
    .await?;
    let mut walks = Table::new([
        ("id", Kind::Integer),
        ("site", Kind::Text),
        ("status", Kind::Text),
        ("at", Kind::Time),
        ("finished_at", Kind::Time),
        ("age_seconds", Kind::Integer),
    ]);
    for (id, site, status, at, finished_at) in rows {
        let at = at.as_deref().map(Timestamp::parse_sql).transpose()?;
        let finished_at = finished_at.as_deref().map(Timestamp::parse_sql).transpose()?;
        let age = at.map(|at| (as_of.millis() - at.millis()) / 1000);
        walks.rows.push(vec![id.into(), site.into(), status.into(), at.into(), finished_at.into(), age.into()]);
    }
    Ok(walks)
}

/// A sentence for each site whose last walk is older than it may be.
fn stale(walks: &Table, sites: &[(String, Duration)]) -> Vec<String> {
    let limit =
        |site: &Value| sites.iter().find(|(name, _)| Value::from(name.as_str()) == *site).map(|(_, limit)| limit);
    let old = |row: &Vec<Value>| {
        let (Value::Text(site), Value::Integer(age)) = (&row[1], &row[5]) else { return None };
        let limit = limit(&row[1])?.as_secs() as i64;
        (*age > limit).then(|| {
            let (age, limit) = (crate::render::duration(*age), crate::render::duration(limit));
            format!("STALE: the last walk of {site} is {age} old, and {limit} are allowed: what happened since is not known.")
        })
    };
    walks.rows.iter().filter_map(old).collect()
}

/// Whether there are walks, and all of them brought everything. What a walk was held for is missing too, unless a person
/// said that it is not so.
fn is_whole(walks: &Table) -> bool {
    let whole = |row: &Vec<Value>| row[2] == "applied".into() || row[2] == "rejected".into();
    !walks.rows.is_empty() && walks.rows.iter().all(whole)
}
