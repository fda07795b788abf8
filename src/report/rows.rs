//! Rows of SQLite as a table of declared columns.

use sqlx::{Row, ValueRef, sqlite::SqliteRow};

use crate::model::Timestamp;
use crate::render::{Column, Kind, Table, Value};

/// `rows` as a table of `columns`, which stand in the order of the statement's.
///
/// # Errors
/// A value that is not of its column's kind: nothing is converted in silence.
pub fn table(columns: Vec<Column>, rows: &[SqliteRow]) -> Result<Table, sqlx::Error> {
    let rows = rows
        .iter()
        .map(|row| columns.iter().enumerate().map(|(i, column)| cell(row, i, column.kind)).collect())
        .collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

fn cell(row: &SqliteRow, i: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    if row.try_get_raw(i)?.is_null() {
        return Ok(Value::Null);
    }
    match kind {
        Kind::Text | Kind::Any => row.try_get(i).map(Value::Text),
        Kind::Real => row.try_get(i).map(Value::Real),
        Kind::Integer | Kind::Boolean => row.try_get(i).map(Value::Integer),
        Kind::Time => {
            let text: &str = row.try_get(i)?;
            let time = Timestamp::parse_sql(text);
            time.map(Value::Time)
                .map_err(|error| sqlx::Error::ColumnDecode { index: i.to_string(), source: error.into() })
        }
    }
}
