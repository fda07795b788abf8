//! RFC 4180: a header, CRLF, quotes where needed; and nothing a spreadsheet would run.

use std::borrow::Cow;
use std::io;

use super::{Appendix, Cell, Column, Kind, Out, Sink, Style, truth};

pub(super) struct Writer<'a> {
    out: ::csv::Writer<&'a mut dyn Out>,
    kinds: Vec<Kind>,
    raw: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(style: Style, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        let mut out = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
        // A column of somebody's own SQL may be named like a formula too.
        let names = columns.iter().map(|column| safe(&column.name, style.raw).into_owned());
        out.write_record(names).map_err(io_error)?;
        Ok(Self { out, kinds: columns.iter().map(|column| column.kind).collect(), raw: style.raw })
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        for (kind, cell) in self.kinds.iter().zip(row) {
            let written = match cell {
                Cell::Null => self.out.write_field(b""),
                Cell::Text(text) => self.out.write_field(safe(text, self.raw).as_bytes()),
                Cell::Integer(value) if *kind == Kind::Boolean => self.out.write_field(truth(*value)),
                Cell::Integer(value) => self.out.write_field(value.to_string()),
                Cell::Real(value) => self.out.write_field(value.to_string()),
                Cell::Time(time) => self.out.write_field(time.rfc3339()),
            };
            written.map_err(io_error)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn finish(mut self: Box<Self>, _: &[Appendix]) -> io::Result<()> {
        self.out.flush()
    }
}

/// A spreadsheet takes a cell that starts so for a formula, whoever chose the text; and for many readers of CSV a file
/// ends at its first NUL.
fn safe(text: &str, raw: bool) -> Cow<'_, str> {
    // Most texts begin with a letter.
    let odd = text.as_bytes().first().is_some_and(|first| !first.is_ascii_alphanumeric());
    let formula = odd && !raw && text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let nul = memchr::memchr(0, text.as_bytes()).is_some();
    match (formula, nul) {
        (false, false) => Cow::Borrowed(text),
        (true, false) => Cow::Owned(format!("'{text}")),
        (_, true) => Cow::Owned(format!("{}{}", if formula { "'" } else { "" }, text.replace('\0', "\u{fffd}"))),
    }
}

// The kind must survive: a broken pipe is no failure.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
