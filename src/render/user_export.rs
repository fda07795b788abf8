//! Users in the fields, names and dates of the app Confluence User Export, so that whoever read its files can read these.
//!
//! No public page says how its XML, CSV and XLSX look: the elements are named after the fields, and groups are written
//! with commas where there is no list.

use std::io::{self, Write};

use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::xml::write_cell;
use super::{Appendix, Cell, Column, Format, Kind, Out, Sink, Style, json, truth};
use crate::model::Timestamp;

/// The formats that the app writes.
pub const FORMATS: &[&str] = &[
    "json",
    "xml",
    "csv",
    #[cfg(feature = "xlsx")]
    "xlsx",
];

/// The fields, in their order.
const FIELDS: [(&str, Kind); 11] = [
    ("username", Kind::Text),
    ("active", Kind::Boolean),
    ("fullName", Kind::Text),
    ("email", Kind::Text),
    ("directoryName", Kind::Text),
    ("createdDate", Kind::Text),
    ("updatedDate", Kind::Text),
    ("lastLogin", Kind::Text),
    ("groups", Kind::Text),
    ("preferredLanguage", Kind::Text),
    ("canUse", Kind::Boolean),
];

/// Which field has a list.
const GROUPS: usize = 8;
/// Which field is left out where the site does not tell it, as older releases of the app leave it out.
const LAST_LOGIN: usize = 7;

/// Begins a file of users. Its rows have the fields, `groups` as a JSON array, and behind them whether the site tells
/// log-ins. Times are those of `zone`, to the minute.
///
/// # Errors
/// Those of the file; [`io::ErrorKind::InvalidInput`] for a format that the app does not write.
pub fn open<'a>(
    format: Format,
    style: Style,
    zone: chrono_tz::Tz,
    out: &'a mut dyn Out,
) -> io::Result<Box<dyn Sink + 'a>> {
    let file: Box<dyn File + 'a> = match format.as_str() {
        "json" => Box::new(Json::begin(out)?),
        "xml" => Box::new(Xml::begin(out)?),
        "csv" | "xlsx" => {
            let columns = FIELDS.map(|(name, kind)| Column::new(name, kind));
            Box::new(Flat(super::open(format, style, None, &columns, out)?))
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    Ok(Box::new(Users { file, zone }))
}

/// A value of a field.
enum Field {
    /// The app tells it, and it is empty.
    Empty,
    /// The app does not tell it.
    Absent,
    Text(String),
    Truth(i64),
    List(Vec<String>),
}

trait File {
    fn user(&mut self, fields: Vec<Field>) -> io::Result<()>;
    fn finish(self: Box<Self>) -> io::Result<()>;
}

struct Users<'a> {
    file: Box<dyn File + 'a>,
    zone: chrono_tz::Tz,
}

impl Sink for Users<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        let tells_logins = matches!(row.get(FIELDS.len()), Some(Cell::Integer(known)) if *known != 0);
        let field = |(i, cell): (usize, &Cell<'_>)| match cell {
            Cell::Null if i == LAST_LOGIN && !tells_logins => Ok(Field::Absent),
            Cell::Null => Ok(Field::Empty),
            Cell::Text(names) if i == GROUPS => Ok(Field::List(serde_json::from_str(names)?)),
            Cell::Text(text) => Ok(Field::Text(text.clone().into_owned())),
            Cell::Integer(value) => Ok(Field::Truth(*value)),
            Cell::Real(value) => Ok(Field::Text(value.to_string())),
            Cell::Time(time) => Ok(Field::Text(minute(*time, self.zone))),
        };
        let fields = row.iter().take(FIELDS.len()).enumerate().map(field).collect::<io::Result<_>>()?;
        self.file.user(fields)
    }

    fn finish(self: Box<Self>, _: &[Appendix]) -> io::Result<()> {
        self.file.finish()
    }
}

/// `2019-09-03 22:50`
fn minute(time: Timestamp, zone: chrono_tz::Tz) -> String {
    time.in_zone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// The list of users that the app's `search` answers and its `file` takes.
struct Json<'a> {
    out: &'a mut dyn Out,
    users: u64,
}

impl<'a> Json<'a> {
    fn begin(out: &'a mut dyn Out) -> io::Result<Self> {
        out.write_all(b"[")?;
        Ok(Self { out, users: 0 })
    }
}

impl File for Json<'_> {
    fn user(&mut self, fields: Vec<Field>) -> io::Result<()> {
        self.out.write_all(if self.users == 0 { b"\n{" } else { b",\n{" })?;
        self.users += 1;
        let told = FIELDS.iter().zip(&fields).filter(|(_, field)| !matches!(field, Field::Absent));
        for (nth, ((name, _), field)) in told.enumerate() {
            write!(self.out, "{}\"{name}\":", if nth == 0 { "" } else { "," })?;
            match field {
                Field::Empty | Field::Absent => self.out.write_all(b"null")?,
                Field::Text(text) => json::write_text(text, &mut self.out)?,
                Field::Truth(value) => self.out.write_all(truth(*value).as_bytes())?,
                Field::List(names) => serde_json::to_writer(&mut self.out, names)?,
            }
        }
        self.out.write_all(b"}")
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.write_all(b"\n]\n")?;
        self.out.flush()
    }
}

struct Xml<'a> {
    out: quick_xml::Writer<&'a mut dyn Out>,
}

impl<'a> Xml<'a> {
    fn begin(out: &'a mut dyn Out) -> io::Result<Self> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<users>")?;
        Ok(Self { out: quick_xml::Writer::new(out) })
    }

    fn element(&mut self, name: &str, text: &str) -> io::Result<()> {
        write_cell(name, None, Kind::Text, &Cell::Text(text.into()), &mut self.out)
    }
}

impl File for Xml<'_> {
    fn user(&mut self, fields: Vec<Field>) -> io::Result<()> {
        self.out.get_mut().write_all(b"\n  <user>")?;
        for ((name, _), field) in FIELDS.iter().zip(fields) {
            match field {
                Field::Absent => {}
                Field::Empty => self.element(name, "")?,
                Field::Text(text) => self.element(name, &text)?,
                Field::Truth(value) => self.element(name, truth(value))?,
                Field::List(names) => {
                    self.out.write_event(Event::Start(BytesStart::new(*name)))?;
                    names.iter().try_for_each(|name| self.element("group", name))?;
                    self.out.write_event(Event::End(BytesEnd::new(*name)))?;
                }
            }
        }
        self.out.get_mut().write_all(b"</user>")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.get_mut().write_all(b"\n</users>\n")?;
        self.out.get_mut().flush()
    }
}

/// A format without lists.
struct Flat<'a>(Box<dyn Sink + 'a>);

impl File for Flat<'_> {
    fn user(&mut self, fields: Vec<Field>) -> io::Result<()> {
        let cell = |field| match field {
            Field::Empty | Field::Absent => Cell::Null,
            Field::Text(text) => Cell::Text(text.into()),
            Field::Truth(value) => Cell::Integer(value),
            Field::List(names) => Cell::Text(names.join(", ").into()),
        };
        self.0.row(&fields.into_iter().map(cell).collect::<Vec<_>>())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish(&[])
    }
}
