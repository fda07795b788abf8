//! The database file: there, ours, of a schema that is known, whole, private, writable.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::check::{Check, Fault};
use super::{disk, files};
use crate::config::Database;
use crate::store::{Examined, Store, StoreError, Structure, examine};

const NAME: &str = "database";
/// How long SQLite may look at the file.
const LIMIT: Duration = Duration::from_secs(10);
const RESTORE: &str = "restore a backup, or set database.path to another file";

/// Checks the file and its folder; gives the database where the rest of it can be read.
pub(super) async fn check(database: &Database, checks: &mut Vec<Check>) -> Option<Store> {
    let path = &database.path;
    let folder = files::folder(path);
    let examined = examine(path, LIMIT).await;
    let usable = matches!(&examined, Ok(Examined { schema, newest, structure })
        if schema == newest && !matches!(structure, Structure::Damaged(_)));
    checks.push(judge(path, examined));
    checks.push(files::writable("folder", path));
    if path.exists() {
        checks.push(files::private("permissions", path, database.group.as_deref()));
    }
    if folder.is_dir() {
        checks.push(files::local("file-system", folder));
        checks.push(disk::check(folder, fs::metadata(path).map_or(0, |file| file.len())));
    }
    // Nothing is to be migrated.
    if usable { Store::open(path).await.ok() } else { None }
}

fn judge(path: &Path, examined: Result<Examined, StoreError>) -> Check {
    let shown = path.display();
    let unusable = |found: String, remedy: &str| Check::failed(NAME, Fault::Unusable, found, remedy);
    let Examined { schema, newest, structure } = match examined {
        Ok(examined) => examined,
        Err(StoreError::Absent(_)) => {
            return Check::warning(NAME, format!("{shown} does not exist yet"), "`rollbook sync` makes it");
        }
        Err(StoreError::Foreign { why, .. }) => {
            return unusable(
                format!("{shown} is not a Rollbook database ({why}); it was left as it is"),
                "set database.path to another file, or restore a backup",
            );
        }
        Err(StoreError::Newer { found, known, .. }) => {
            return unusable(
                format!(
                    "{shown} was made by a newer Rollbook (schema {found}, this one knows {known}); it was left as it is"
                ),
                "install the newer release",
            );
        }
        Err(error @ StoreError::Unreadable { .. }) => {
            return unusable(error.to_string(), "let the user who runs rollbook read the file and its folder");
        }
        Err(error) => return unusable(error.to_string(), remedy(&error)),
    };
    match structure {
        Structure::Damaged(what) => unusable(format!("{shown} is damaged: {what}"), RESTORE),
        _ if schema < newest => Check::warning(
            NAME,
            format!("{shown} has schema {schema}, and this release has {newest}: the sites' state in it was not read"),
            "`rollbook db backup` copies it as it is; the next `rollbook sync` migrates it",
        ),
        Structure::Whole => Check::ok(NAME, format!("{shown} has schema {schema}, and its structure is whole")),
        Structure::Unfinished => Check::ok(
            NAME,
            format!(
                "{shown} has schema {schema}, and no damage was found within {} s; `rollbook db verify` checks all of it",
                LIMIT.as_secs()
            ),
        ),
    }
}

/// What to do when SQLite cannot read the file: it may be whole, and its folder another user's.
fn remedy(error: &StoreError) -> &'static str {
    const READ_ONLY: i32 = 8;
    const CANNOT_OPEN: i32 = 14;
    let code = |error: &sqlx::Error| error.as_database_error()?.code()?.parse::<i32>().ok();
    match error {
        StoreError::Sql { error, .. }
            if code(error).is_some_and(|code| [READ_ONLY, CANNOT_OPEN].contains(&(code & 0xff))) =>
        {
            "let the user who runs rollbook write the file's folder: SQLite keeps its log there"
        }
        _ => RESTORE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn judged(schema: i32, structure: Structure) -> Verdict {
        judge(Path::new("a.db"), Ok(Examined { schema, newest: 5, structure })).verdict
    }

    #[test]
    fn a_database_is_judged() {
        assert_eq!(judged(5, Structure::Whole), Verdict::Ok);
        assert_eq!(judged(5, Structure::Unfinished), Verdict::Ok);
        assert_eq!(judged(4, Structure::Whole), Verdict::Warning);
        for schema in [4, 5] {
            assert_eq!(judged(schema, Structure::Damaged("x".into())), Verdict::Failed(Fault::Unusable));
        }
        assert_eq!(judge(Path::new("a.db"), Err(StoreError::Absent("a.db".into()))).verdict, Verdict::Warning);
        let newer = StoreError::Newer { path: "a.db".into(), found: 9, known: 5 };
        assert_eq!(judge(Path::new("a.db"), Err(newer)).verdict, Verdict::Failed(Fault::Unusable));
    }
}
