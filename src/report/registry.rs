//! All reports: those that come with the program, and somebody's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::declaration::{self, BOUND, Mistake, Origin, Report};
use crate::store::sandbox::{self, SandboxError};
use crate::store::{Store, StoreError};

/// The reports that come with the program, in the order of the listing.
const BUILT_IN: &[(&str, &str)] = &[
    ("licensed", include_str!("sql/licensed.sql")),
    ("inactive", include_str!("sql/inactive.sql")),
    ("never-logged-in", include_str!("sql/never-logged-in.sql")),
    ("reclaimable", include_str!("sql/reclaimable.sql")),
    ("seats", include_str!("sql/seats.sql")),
    ("users", include_str!("sql/users.sql")),
    ("deactivated", include_str!("sql/deactivated.sql")),
    ("no-access", include_str!("sql/no-access.sql")),
    ("licence-groups", include_str!("sql/licence-groups.sql")),
    ("memberships", include_str!("sql/memberships.sql")),
    ("admins", include_str!("sql/admins.sql")),
    ("duplicates", include_str!("sql/duplicates.sql")),
    ("vanished", include_str!("sql/vanished.sql")),
    ("returned", include_str!("sql/returned.sql")),
    ("failed-logins", include_str!("sql/failed-logins.sql")),
    ("membership-changes", include_str!("sql/membership-changes.sql")),
    ("activity", include_str!("sql/activity.sql")),
    ("groups", include_str!("sql/groups.sql")),
    ("people", include_str!("sql/people.sql")),
    ("what-if", include_str!("sql/what-if.sql")),
    ("came-back", include_str!("sql/came-back.sql")),
];

/// Whole tables, for `rollbook export`.
const EXPORTS: &[(&str, &str)] = &[
    ("users", include_str!("sql/export/users.sql")),
    ("groups", include_str!("sql/export/groups.sql")),
    ("memberships", include_str!("sql/export/memberships.sql")),
    ("changes", include_str!("sql/export/changes.sql")),
    ("user-export", include_str!("sql/export/user-export.sql")),
];

/// A file of somebody's own that is longer is no report.
const LONGEST: u64 = 1 << 20;

/// The reports that can be run, and the files that cannot.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    reports: Vec<Report>,
    broken: Vec<Broken>,
}

/// A file of somebody's own that is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {reason}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct Broken {
    /// What it would be called.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1, where one can be named.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// The reports that come with the program.
pub fn built_in() -> &'static [Report] {
    static REPORTS: OnceLock<Vec<Report>> = OnceLock::new();
    REPORTS.get_or_init(|| read_all(BUILT_IN, &Origin::BuiltIn))
}

/// Whole tables, as they stood at a moment.
pub fn exports() -> &'static [Report] {
    static TABLES: OnceLock<Vec<Report>> = OnceLock::new();
    TABLES.get_or_init(|| read_all(EXPORTS, &Origin::Export))
}

/// The whole table called `name`.
pub fn export(name: &str) -> Option<&'static Report> {
    exports().iter().find(|table| table.name == name)
}

fn read_all(files: &[(&str, &str)], origin: &Origin) -> Vec<Report> {
    let read = |(name, text): &(&str, &str)| match declaration::read(name, text, origin.clone()) {
        Ok(report) => report,
        Err(mistake) => unreachable!("a test reads every report that comes with the program: {name}: {mistake:?}"),
    };
    files.iter().map(read).collect()
}

/// One that comes with the program.
pub fn find(name: &str) -> Option<&'static Report> {
    built_in().iter().find(|report| report.name == name)
}

impl Registry {
    /// Those that come with the program, and those in `folder`. A file that is no report is kept as [`Broken`], and so is
    /// a folder that cannot be read: the others are not disturbed.
    ///
    /// # Errors
    /// There is no place to try a statement in.
    pub async fn load(folder: Option<&Path>) -> Result<Self, StoreError> {
        let mut registry = Self { reports: built_in().to_vec(), broken: Vec::new() };
        if let Some(folder) = folder {
            registry.add(folder).await?;
        }
        Ok(registry)
    }

    async fn add(&mut self, folder: &Path) -> Result<(), StoreError> {
        let files = match files(folder) {
            Ok(files) => files,
            Err(error) => {
                let (name, path) = (String::new(), folder.to_owned());
                let reason = format!("reports.path cannot be read: {error}");
                self.broken.push(Broken { name, path, line: None, reason });
                return Ok(());
            }
        };
        // What a statement is worth is seen where there is nothing to read yet.
        let mut empty = Store::nowhere().reader().await?;
        for path in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match own(&name, &path, &mut empty).await {
                Ok(report) => self.reports.push(report),
                Err(Mistake { line, reason }) => self.broken.push(Broken { name, path, line, reason }),
            }
        }
        Ok(())
    }

    /// Every report that can be run.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Every file that is no report.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The report called `name`.
    ///
    /// # Errors
    /// What is wrong with the file of that name, or which reports there are.
    pub fn find(&self, name: &str) -> Result<&Report, String> {
        if let Some(report) = self.reports.iter().find(|report| report.name == name) {
            return Ok(report);
        }
        if let Some(broken) = self.broken.iter().find(|broken| broken.name == name) {
            return Err(broken.to_string());
        }
        let names: Vec<_> = self.reports.iter().map(|report| report.name.as_str()).collect();
        let folder = self.broken.iter().find(|broken| broken.name.is_empty());
        let folder = folder.map(|broken| format!("; {broken}")).unwrap_or_default();
        Err(format!("there is no report {}: there are {}{folder}", crate::render::quoted(name), names.join(", ")))
    }
}

/// The files in the folder that may be reports, by name.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file of somebody's own, and tries its statement.
async fn own(name: &str, path: &Path, empty: &mut sqlx::SqliteConnection) -> Result<Report, Mistake> {
    let mistake = |reason: String| Mistake { line: None, reason };
    if find(name).is_some() {
        return Err(mistake(format!(
            "'{name}' is the name of a report that comes with rollbook: give the file another"
        )));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(plain) {
        return Err(mistake("its name is to be of a to z, 0 to 9, - and _: it names the report".to_owned()));
    }
    let found = fs::metadata(path).map_err(|error| mistake(error.to_string()))?;
    let length = found.len();
    if !found.is_file() {
        return Err(mistake("it is no file".to_owned()));
    }
    if length > LONGEST {
        return Err(mistake(format!("it has {length} bytes; {LONGEST} are allowed")));
    }
    let bytes = fs::read(path).map_err(|error| mistake(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Mistake { line: Some(1 + memchr::memchr_iter(b'\n', before).count()), reason: "it is not UTF-8".to_owned() }
    })?;
    let mut report = declaration::read(name, text.trim_start_matches('\u{feff}'), Origin::Own(path.to_owned()))?;
    let statement = declaration::first_statement(&text);
    let (columns, asked) = sandbox::describe(empty, &report.sql).await.map_err(|error| refused(error, statement))?;
    let known = |name: &String| {
        BOUND.contains(&name.as_str()) || report.parameters.iter().any(|parameter| parameter.name == *name)
    };
    if let Some(unknown) = asked.iter().find(|name| !known(name)) {
        let reason = format!("its SQL names :{unknown}, which is no parameter: declare it, see docs/reports.md");
        return Err(Mistake { line: declaration::line_of(&text, unknown), reason });
    }
    if let Some(idle) = report.parameters.iter().find(|parameter| !asked.contains(&parameter.name)) {
        let reason = format!("the parameter {0} is declared, and its SQL does not name :{0}", idle.name);
        return Err(Mistake { line: declaration::line_of(&text, &idle.name), reason });
    }
    let found: Vec<_> = columns.into_iter().map(|column| column.name).collect();
    report.take_columns(&found).map_err(|reason| Mistake { line: statement, reason })?;
    Ok(report)
}

fn refused(error: SandboxError, statement: Option<usize>) -> Mistake {
    let line = if let SandboxError::Invalid { line, .. } = &error { *line } else { None };
    Mistake { line: line.or(statement), reason: error.to_string() }
}
