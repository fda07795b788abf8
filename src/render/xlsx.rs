//! A workbook for Excel and LibreOffice: cells with types, nothing that a spreadsheet would run, and a sheet that tells
//! what the rows rest on. The rows wait in a temporary file, because a workbook is put together at its end.

use std::borrow::Cow;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::{Appendix, Cell, Column, EXACT, Frame, INCOMPLETE, Kind, Out, Sink, Value, truth, xml_text};
use crate::model::Timestamp;

/// How many rows a sheet has below its header.
const ROWS: u32 = 1_048_575;

/// How many UTF-16 units a cell holds.
const TEXT: usize = 32_767;

/// Ends a text that was longer.
const CUT: &str = "… [cut]";

/// How many UTF-16 units the name of a sheet may have.
const NAME: usize = 31;

/// The widths of the columns are those that this many rows need.
const MEASURED: u32 = 100;

/// In characters. Wider columns leave no room for the others.
const WIDEST: usize = 60;

/// How wide the longer texts about the rows are, in characters.
const WRAPPED: usize = 80;

/// 1900-03-01. Excel believes in a 29 February 1900, so the days before have another number in other programs.
const FIRST_DAY: i64 = -2_203_891_200_000;

/// In seconds.
const DAY: f64 = 86_400.0;

/// Where a sheet may be too large for the sizes of a plain zip file.
const LARGE: u64 = u32::MAX as u64;

pub(super) struct Writer<'a> {
    out: &'a mut dyn Out,
    book: Book,
    sheet: Sheet,
    frame: Option<Frame>,
    rows: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(frame: Option<&Frame>, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        let mut book = Book::new();
        let title = frame.map_or("Rows", |frame| &frame.title);
        // The library would take the present time.
        let mut properties = DocProperties::new().set_creation_datetime(&created(frame));
        if let Some(frame) = frame {
            properties = properties.set_title(xml_text(&frame.title));
        }
        book.workbook.set_properties(&properties);
        let sheet = caught(|| book.begin(title, columns))?;
        Ok(Self { out, book, sheet, frame: frame.cloned(), rows: 0 })
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.rows += 1;
        caught(|| self.book.row(&mut self.sheet, row))
    }

    fn finish(self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        let Self { out, mut book, sheet, frame, rows } = *self;
        let mut file = File { out, error: None };
        let done = caught(|| {
            book.end(sheet)?;
            if let Some(frame) = frame {
                book.about(&frame, rows)?;
                for Appendix { title, table, .. } in appendices.iter().filter(|one| !one.table.rows.is_empty()) {
                    let mut sheet = book.begin(title, &table.columns)?;
                    for row in &table.rows {
                        book.row(&mut sheet, &row.iter().map(Value::cell).collect::<Vec<_>>())?;
                    }
                    book.end(sheet)?;
                }
            }
            book.workbook.save_to_writer(&mut file)
        });
        file.error.map_or(done, Err)?;
        file.out.flush()
    }
}

/// The file, and the first error of it. After that it takes everything: the zip writer goes on when it is dropped, and
/// prints what fails then.
struct File<'a> {
    out: &'a mut dyn Out,
    error: Option<io::Error>,
}

impl File<'_> {
    fn kept<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.error = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}

impl Write for File<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Ok(bytes.len());
        }
        let result = self.out.write(bytes);
        self.kept(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.error.is_some() {
            return Ok(());
        }
        let result = self.out.flush();
        self.kept(result)
    }
}

struct Book {
    workbook: Workbook,
    /// The names of the sheets, in lower case: `Rows` and `rows` are the same to Excel.
    names: Vec<String>,
    bold: Format,
    date: Format,
    /// How many rows a sheet has: [`ROWS`], in a test fewer.
    most: u32,
}

/// A sheet with a header and rows.
struct Sheet {
    index: usize,
    title: String,
    columns: Vec<Column>,
    /// In characters.
    widths: Vec<usize>,
    rows: u32,
    /// About how large it is, or somewhat less.
    bytes: u64,
}

impl Book {
    fn new() -> Self {
        let bold = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
        Self { workbook: Workbook::new(), names: Vec::new(), bold, date: date(), most: ROWS }
    }

    /// Adds an empty sheet.
    fn add(&mut self, title: &str) -> Result<usize, XlsxError> {
        let name = sheet_name(title, &self.names);
        self.workbook.add_worksheet_with_constant_memory()?.set_name(&name)?;
        self.names.push(name.to_lowercase());
        Ok(self.names.len() - 1)
    }

    /// Adds a sheet of `columns`.
    fn begin(&mut self, title: &str, columns: &[Column]) -> Result<Sheet, XlsxError> {
        let index = self.add(title)?;
        let sheet = self.workbook.worksheet_from_index(index)?;
        sheet.set_freeze_panes(1, 0)?;
        let mut widths = Vec::with_capacity(columns.len());
        for (i, column) in columns.iter().enumerate() {
            let at = place(i)?;
            if column.kind == Kind::Time {
                // For a whole column, and not for each cell: formats are looked up slowly.
                sheet.set_column_format(at, &self.date)?;
            }
            sheet.write_string_with_format(0, at, text(&column.name), &self.bold)?;
            // There is a button beside the name.
            widths.push(width(&column.name) + 2);
        }
        Ok(Sheet { index, title: title.to_owned(), columns: columns.to_vec(), widths, rows: 0, bytes: 0 })
    }

    /// Writes a row; where `sheet` is full, it becomes the next one.
    fn row(&mut self, sheet: &mut Sheet, row: &[Cell<'_>]) -> Result<(), XlsxError> {
        if sheet.rows == self.most {
            let next = self.begin(&sheet.title, &sheet.columns)?;
            self.end(std::mem::replace(sheet, next))?;
        }
        sheet.rows += 1;
        let worksheet = self.workbook.worksheet_from_index(sheet.index)?;
        for (i, (column, cell)) in sheet.columns.iter().zip(row).enumerate() {
            put(worksheet, sheet.rows, place(i)?, column.kind, cell, &self.date)?;
            sheet.bytes += match cell {
                Cell::Null => 0,
                Cell::Text(text) => 70 + text.len() as u64,
                _ => 50,
            };
            if sheet.rows <= MEASURED {
                sheet.widths[i] = sheet.widths[i].max(cell_width(column.kind, cell));
            }
        }
        Ok(())
    }

    /// What has to wait until all rows of a sheet are there.
    fn end(&mut self, sheet: Sheet) -> Result<(), XlsxError> {
        let worksheet = self.workbook.worksheet_from_index(sheet.index)?;
        for (i, width) in sheet.widths.iter().enumerate() {
            worksheet.set_column_width(place(i)?, width.clamp(&6, &WIDEST).saturating_add(2) as f64)?;
        }
        if !sheet.columns.is_empty() {
            worksheet.autofilter(0, 0, sheet.rows, place(sheet.columns.len() - 1)?)?;
        }
        // Escaped, text may be some times as long. Only where it must be: not every program reads such a file.
        if sheet.bytes > LARGE / 2 {
            self.workbook.use_zip_large_file(true);
        }
        Ok(())
    }

    /// The sheet that tells what the rows are, and what they rest on.
    fn about(&mut self, frame: &Frame, rows: u64) -> Result<(), XlsxError> {
        let mut what = frame.what.to_owned();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let mut lines: Vec<(String, Value)> = vec![
            (what, frame.name.as_str().into()),
            ("Title".into(), frame.title.as_str().into()),
            ("Description".into(), frame.description.as_str().into()),
            ("As of (UTC)".into(), frame.as_of.into()),
            ("Rows".into(), Value::Integer(rows.cast_signed())),
        ];
        if frame.incomplete {
            lines.push(("Incomplete".into(), INCOMPLETE.into()));
        }
        lines.extend(frame.notes.iter().map(|note| ("Note".into(), note.as_str().into())));
        lines.extend(frame.parameters.iter().map(|(name, value)| (format!("Parameter {name}"), value.clone())));
        if frame.walks.rows.is_empty() {
            lines.push(("Walks".into(), "No site has been walked yet.".into()));
        }

        let index = self.add("About")?;
        let worksheet = self.workbook.worksheet_from_index(index)?;
        let label = Format::new().set_bold().set_align(FormatAlign::Top);
        let date = date().set_align(FormatAlign::Left).set_align(FormatAlign::Top);
        let value = Format::new().set_text_wrap().set_align(FormatAlign::Left).set_align(FormatAlign::Top);
        worksheet
            .set_column_width(0, lines.iter().map(|(label, _)| width(label)).max().unwrap_or(0).min(40) as u32 + 2)?;
        worksheet.set_column_width(1, WRAPPED as u32)?.set_column_format(1, &value)?;
        let mut at = 0;
        for (name, value) in &lines {
            worksheet.write_string_with_format(at, 0, text(name), &label)?;
            put(worksheet, at, 1, Kind::Any, &value.cell(), &date)?;
            if let Value::Text(text) = value {
                worksheet.set_row_height(at, height(text))?;
            }
            at += 1;
        }
        if frame.walks.rows.is_empty() {
            return Ok(());
        }
        worksheet.write_string_with_format(at + 1, 0, "Walks", &label)?;
        at += 2;
        for (i, column) in frame.walks.columns.iter().enumerate() {
            worksheet.write_string_with_format(at, place(i)?, text(&column.name), &self.bold)?;
            if i > 1 {
                worksheet.set_column_width(place(i)?, 21)?;
            }
        }
        for row in &frame.walks.rows {
            at += 1;
            for (i, (column, value)) in frame.walks.columns.iter().zip(row).enumerate() {
                let kind = if column.kind == Kind::Time { Kind::Any } else { column.kind };
                put(worksheet, at, place(i)?, kind, &value.cell(), &date)?;
            }
        }
        Ok(())
    }
}

/// Writes a cell. The column has the format of a date where its kind is [`Kind::Time`]. NULL and an empty text are an
/// empty cell both: there is nothing between.
fn put(sheet: &mut Worksheet, row: u32, at: u16, kind: Kind, cell: &Cell<'_>, date: &Format) -> Result<(), XlsxError> {
    match cell {
        Cell::Null => return Ok(()),
        Cell::Text(value) => sheet.write_string(row, at, text(value))?,
        Cell::Integer(value) if kind == Kind::Boolean => sheet.write_boolean(row, at, *value != 0)?,
        Cell::Integer(value) if value.unsigned_abs() <= EXACT => sheet.write_number(row, at, *value as f64)?,
        // An id that is rounded is another one.
        Cell::Integer(value) => sheet.write_string(row, at, value.to_string())?,
        Cell::Real(value) if value.is_finite() => sheet.write_number(row, at, *value)?,
        Cell::Real(value) => sheet.write_string(row, at, value.to_string())?,
        Cell::Time(time) if time.millis() < FIRST_DAY => sheet.write_string(row, at, time.to_rfc3339())?,
        Cell::Time(time) if kind == Kind::Time => sheet.write_number(row, at, serial(*time))?,
        Cell::Time(time) => sheet.write_number_with_format(row, at, serial(*time), date)?,
    };
    Ok(())
}

fn date() -> Format {
    Format::new().set_num_format("yyyy-mm-dd hh:mm:ss")
}

/// Days since 1899-12-30, without the milliseconds: they are not shown but rounded, and a day's last millisecond would be
/// the next day.
fn serial(time: Timestamp) -> f64 {
    25_569.0 + time.millis().div_euclid(1000) as f64 / DAY
}

/// When the workbook says it was made: the same rows are the same file.
fn created(frame: Option<&Frame>) -> ExcelDateTime {
    // What is before 1900 is no time for Excel.
    let seconds = frame.map_or(0, |frame| frame.as_of.millis().div_euclid(1000).max(0));
    ExcelDateTime::from_timestamp(seconds).unwrap_or_default()
}

fn place(column: usize) -> Result<u16, XlsxError> {
    u16::try_from(column).map_err(|_| XlsxError::RowColumnLimitError)
}

/// `value` as a cell can hold it.
fn text(value: &str) -> Cow<'_, str> {
    let value = xml_text(value);
    // No character has more units than bytes.
    if value.len() <= TEXT || units(&value) <= TEXT {
        return value;
    }
    let mut cut = within(&value, TEXT - units(CUT)).to_owned();
    cut.push_str(CUT);
    cut.into()
}

/// How long Excel takes `text` to be.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The beginning of `text` that has at most `most` UTF-16 units.
fn within(text: &str, most: usize) -> &str {
    let mut left = most;
    let end = text.char_indices().find(|(_, c)| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// A name for a sheet that Excel takes, and that is none of `taken`: `Title`, `Title (2)`.
fn sheet_name(title: &str, taken: &[String]) -> String {
    let name = xml_text(title).replace(['[', ']', ':', '*', '?', '/', '\\'], "_").replace(char::is_control, " ");
    let trim = |text: &str| text.trim_matches(|c: char| c == '\'' || c.is_whitespace()).to_owned();
    let mut name = trim(&name);
    if name.is_empty() {
        "Rows".clone_into(&mut name);
    }
    // Excel keeps this name for itself.
    if name.eq_ignore_ascii_case("history") {
        name.push('_');
    }
    let mut whole = trim(within(&name, NAME));
    let mut next = 2;
    while taken.contains(&whole.to_lowercase()) {
        let suffix = format!(" ({next})");
        whole = trim(within(&name, NAME - suffix.len())) + &suffix;
        next += 1;
    }
    whole
}

/// How wide `text` is, in characters, when its lines stand below each other.
fn width(text: &str) -> usize {
    // Scripts that are written wide begin about there.
    let line = |line: &str| line.chars().take(WIDEST).map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
    text.lines().take(10).map(line).max().unwrap_or(0)
}

/// How high `text` is when it is wrapped, in points. LibreOffice does not find out by itself.
fn height(text: &str) -> u32 {
    // Words are not cut, so lines are somewhat shorter.
    let lines: usize = text.lines().map(|line| line.chars().count() / (WRAPPED - 10) + 1).sum();
    15 * lines.clamp(1, 27) as u32
}

fn cell_width(kind: Kind, cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Null => 0,
        Cell::Text(text) => width(text),
        Cell::Integer(value) if kind == Kind::Boolean => truth(*value).len(),
        Cell::Integer(value) => value.to_string().len(),
        // More digits are not shown.
        Cell::Real(value) => value.to_string().len().min(12),
        Cell::Time(_) => "2026-01-31 08:15:00".len(),
    }
}

/// The library panics when the temporary file cannot be written.
fn caught<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<T> {
    let panic = match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => return result.map_err(io_error),
        Err(panic) => panic,
    };
    let why = panic.downcast_ref::<String>().map_or("", String::as_str);
    let kind = if why.contains("StorageFull") { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
    let folder = std::env::temp_dir();
    Err(io::Error::new(kind, format!("the rows of the workbook cannot be kept in {}: {why}", folder.display())))
}

// The kind must survive: a broken pipe is no failure.
fn io_error(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        XlsxError::ZipError(error) => error.into(),
        XlsxError::TempFileError(folder, error) => io::Error::new(
            error.kind(),
            format!("the rows of a workbook cannot be kept in {}: {error}", folder.display()),
        ),
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::super::tests::{Full, HOSTILE};
    use super::super::{Format, Style, Table, open, write};
    use super::*;

    /// A file of a zip file.
    fn part(zip: &[u8], name: &str) -> String {
        let number = |at: usize, size: usize| zip[at..at + size].iter().rfold(0, |n, &byte| n << 8 | usize::from(byte));
        let mut at = number(zip.len() - 6, 4);
        while number(at, 4) == 0x0201_4b50 {
            let (size, long, extra, comment) =
                (number(at + 20, 4), number(at + 28, 2), number(at + 30, 2), number(at + 32, 2));
            if &zip[at + 46..at + 46 + long] == name.as_bytes() {
                let local = number(at + 42, 4);
                let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
                let mut text = String::new();
                flate2::read::DeflateDecoder::new(&zip[start..start + size]).read_to_string(&mut text).unwrap();
                return text;
            }
            at += 46 + long + extra + comment;
        }
        panic!("no {name}");
    }

    fn frame() -> Frame {
        let at = Timestamp::parse_human("2026-01-31").unwrap();
        let mut walks = Table::new([("id", Kind::Integer), ("at", Kind::Time)]);
        walks.rows.push(vec![7_i64.into(), at.into()]);
        Frame {
            what: "report",
            name: "inactive".into(),
            title: "Who? [inactive]".into(),
            description: "Some.".into(),
            as_of: at,
            parameters: vec![("days".into(), 90_i64.into())],
            walks,
            incomplete: true,
            notes: vec!["=1+1".into()],
            chart: None,
        }
    }

    fn bare(table: &Table) -> Vec<u8> {
        let mut out = Vec::new();
        write(table, Format::Xlsx, Style::default(), &mut out).unwrap();
        out
    }

    fn framed(table: &Table) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let mut sink = open(Format::Xlsx, Style::default(), Some(&frame()), &table.columns, &mut out).unwrap();
        for row in &table.rows {
            sink.row(&row.iter().map(Value::cell).collect::<Vec<_>>()).unwrap();
        }
        sink.finish(&[Appendix { name: "excluded", title: "About", table: table.clone() }]).unwrap();
        out.into_inner()
    }

    #[test]
    fn cells_have_types_and_text_is_never_run() {
        let mut table = Table::new([("=a", Kind::Text), ("n", Kind::Integer), ("t", Kind::Time), ("b", Kind::Boolean)]);
        let time = |text| Value::Time(Timestamp::parse_human(text).unwrap());
        table.rows.push(vec![HOSTILE.into(), Value::Integer(-3), time("2026-01-31"), 1_i64.into()]);
        table.rows.push(vec!["http://x".into(), Value::Integer(i64::MAX), time("1900-02-28"), 0_i64.into()]);
        table.rows.push(vec!["_x0041_\0".into(), Value::Null, Value::Null, Value::Null]);
        let sheet = part(&bare(&table), "xl/worksheets/sheet1.xml");
        for cell in [
            "t=\"inlineStr\"><is><t>=a</t></is></c>",
            "<c r=\"A2\" t=\"inlineStr\"><is><t>=1+1\n\u{202e}\"evil\"'\u{fffd}[31m,</t></is></c>",
            "<c r=\"B2\"><v>-3</v></c>",
            // The last millisecond of a day is shown as that day.
            "><v>46053.99998842593</v></c><c r=\"D2\" t=\"b\"><v>1</v></c>",
            "<t>http://x</t>",
            "<t>9223372036854775807</t>",
            "<t>1900-02-28T23:59:59.999Z</t>",
            "<row r=\"4\"><c r=\"A4\" t=\"inlineStr\"><is><t>_x005F_x0041_\u{fffd}</t></is></c></row>",
            "<autoFilter ref=\"A1:D4\"/>",
        ] {
            assert!(sheet.contains(cell), "{cell}\n{sheet}");
        }
        assert!(!sheet.contains("<f>") && !sheet.contains("hyperlink"), "{sheet}");
    }

    #[test]
    fn a_text_is_cut_where_excel_would_refuse_it() {
        let most = "x".repeat(TEXT);
        assert_eq!(text(&most), most);
        for long in ["x".repeat(TEXT + 1), "😀".repeat(TEXT), format!("{}😀", "x".repeat(TEXT - 1))] {
            let cut = text(&long);
            assert!(cut.ends_with(CUT) && (TEXT - 1..=TEXT).contains(&units(&cut)), "{}", units(&cut));
        }
    }

    #[test]
    fn a_sheet_has_a_name_that_excel_takes() {
        let mut taken = Vec::new();
        let long = "😀".repeat(20);
        for (title, name) in [
            ("Who? [a/b]", "Who_ _a_b_"),
            ("who? [A\\B]", "who_ _A_B_ (2)"),
            ("'\n'", "Rows"),
            ("History", "History_"),
            (&long, &"😀".repeat(15)),
            (&long, &format!("{} (2)", "😀".repeat(13))),
        ] {
            let found = sheet_name(title, &taken);
            assert_eq!(found, name);
            assert!(Worksheet::new().set_name(&found).is_ok());
            taken.push(found.to_lowercase());
        }
    }

    #[test]
    fn the_workbook_tells_what_the_rows_rest_on_and_is_the_same_each_time() {
        let mut table = Table::new([("a", Kind::Text)]);
        table.rows.push(vec!["x".into()]);
        let file = framed(&table);
        assert!(file == framed(&table));
        assert!(part(&file, "docProps/core.xml").contains("2026-01-31T23:59:59Z</dcterms:created>"));
        let book = part(&file, "xl/workbook.xml");
        for name in ["name=\"Who_ _inactive_\"", "name=\"About\"", "name=\"About (2)\""] {
            assert!(book.contains(name), "{book}");
        }
        let about = part(&file, "xl/worksheets/sheet2.xml");
        for cell in
            [INCOMPLETE, "<t>Parameter days</t>", "<v>90</v>", "<t>=1+1</t>", "<v>46053.99998842593</v>", "<v>7</v>"]
        {
            assert!(about.contains(cell), "{cell}\n{about}");
        }
        assert!(part(&bare(&table), "docProps/core.xml").contains("1970-01-01T00:00:00Z</dcterms:created>"));
    }

    #[test]
    fn rows_that_a_sheet_has_no_room_for_are_on_the_next() {
        let mut out = Cursor::new(Vec::new());
        let mut sink = Writer::begin(None, &[Column::new("n", Kind::Integer)], &mut out).unwrap();
        sink.book.most = 2;
        for n in 0..5 {
            sink.row(&[Cell::Integer(n)]).unwrap();
        }
        Box::new(sink).finish(&[]).unwrap();
        let file = out.into_inner();
        assert!(part(&file, "xl/workbook.xml").contains("name=\"Rows (3)\""));
        for (i, last) in [(1, "<v>1</v>"), (2, "<v>3</v>"), (3, "<v>4</v>")] {
            let sheet = part(&file, &format!("xl/worksheets/sheet{i}.xml"));
            assert!(sheet.contains(last) && sheet.contains("<t>n</t>") && sheet.contains("<autoFilter"), "{sheet}");
        }
    }

    #[test]
    fn the_error_of_the_file_is_kept() {
        for room in [0, 10, 1000, 3000] {
            let mut out = Full(room);
            let sink = open(Format::Xlsx, Style::default(), None, &[Column::new("n", Kind::Text)], &mut out).unwrap();
            assert_eq!(sink.finish(&[]).unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
        }
    }
}
