//! One page that stands alone: it asks for nothing else, and reads without scripts, on paper and on a phone.
//!
//! What surrounds the rows is in `templates/`.

use std::fmt::Write as _;
use std::io;

use askama::Template;
use askama::filters::{Escaper, Html};

use super::chart::Series;
use super::{
    Appendix, Cell, Column, Frame, INCOMPLETE, Kind, Out, Sink, Table, Value, duration, moment, truth, visible,
};

/// The id of the rows' own table.
const ROWS: &str = "rows";
/// A cell of more characters scrolls, or it would make its row as high.
const LONG: usize = 400;

/// What stands above the rows.
#[derive(Template)]
#[template(path = "head.html")]
#[allow(missing_docs)] // as in `Frame`
pub struct Head<'a> {
    pub title: &'a str,
    /// What stands between backquotes, every second part, is code.
    pub description: Vec<&'a str>,
    pub as_of: Option<Moment>,
    pub parameters: Vec<(String, String)>,
    pub walks: Vec<String>,
    pub incomplete: Option<&'static str>,
    pub notes: Vec<String>,
}

/// An instant for programs, and for readers.
#[allow(missing_docs)]
pub struct Moment {
    pub exact: String,
    pub shown: String,
}

/// A table up to its first row.
#[derive(Template)]
#[template(path = "table.html")]
struct TableHead<'a> {
    id: &'a str,
    caption: &'a str,
    /// Whether the caption is a heading of the page too; that of the rows is its title.
    heading: bool,
    columns: Vec<(String, bool)>,
}

impl<'a> TableHead<'a> {
    fn of(id: &'a str, caption: &'a str, columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| (visible(&column.name).into_owned(), column.kind.is_number()));
        Self { id, caption, heading: id != ROWS, columns: columns.collect() }
    }
}

#[derive(Template)]
#[template(path = "foot.html")]
struct Foot;

pub(super) struct Writer<'a> {
    out: &'a mut dyn Out,
    kinds: Vec<Kind>,
    title: String,
    framed: bool,
    series: Option<Series>,
    rows: u64,
    /// A row being written, kept for its room.
    row: String,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(frame: Option<&Frame>, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        let title = frame.map_or("Rows".into(), |frame| visible(&frame.title)).into_owned();
        render(&head(frame, &title), out)?;
        render(&TableHead::of(ROWS, &title, columns), out)?;
        Ok(Self {
            out,
            kinds: columns.iter().map(|column| column.kind).collect(),
            title,
            framed: frame.is_some(),
            series: frame.and_then(|frame| Series::of(frame.chart.as_ref()?, columns)),
            rows: 0,
            row: String::new(),
        })
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.rows += 1;
        if let Some(series) = &mut self.series {
            series.row(row);
        }
        self.row.clear();
        push_row(&self.kinds, row.iter(), &mut self.row);
        self.out.write_all(self.row.as_bytes())
    }

    fn finish(mut self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        end_table(self.rows, &self.kinds, self.out)?;
        if let Some(series) = self.series.take() {
            render(&series.draw(&self.title), self.out)?;
        }
        if self.framed {
            for appendix in appendices.iter().filter(|appendix| !appendix.table.rows.is_empty()) {
                self.appendix(appendix)?;
            }
        }
        render(&Foot, self.out)?;
        self.out.flush()
    }
}

impl Writer<'_> {
    fn appendix(&mut self, Appendix { name, title, table }: &Appendix) -> io::Result<()> {
        let Table { columns, rows } = table;
        let kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
        render(&TableHead::of(name, title, columns), self.out)?;
        for row in rows {
            self.row.clear();
            push_row(&kinds, row.iter().map(Value::cell).collect::<Vec<_>>().iter(), &mut self.row);
            self.out.write_all(self.row.as_bytes())?;
        }
        end_table(rows.len() as u64, &kinds, self.out)
    }
}

/// What is told above the rows, on any page.
pub fn head<'a>(frame: Option<&'a Frame>, title: &'a str) -> Head<'a> {
    let Some(frame) = frame else {
        let (description, parameters, walks, notes) = Default::default();
        return Head { title, description, as_of: None, parameters, walks, incomplete: None, notes };
    };
    let walk = |row: &Vec<Value>| {
        let [id, site, status, at, _, age] = row.as_slice() else { return None };
        Some(match (at, age) {
            (Value::Time(at), Value::Integer(age)) => format!(
                "{}: walk {} ({}) of {}, {} old",
                told(site),
                told(id),
                told(status),
                moment(*at),
                duration(*age)
            ),
            _ => format!("{}: no walk yet at that time", told(site)),
        })
    };
    let mut walks: Vec<_> = frame.walks.rows.iter().filter_map(walk).collect();
    if walks.is_empty() {
        walks.push("No site has been walked yet.".to_owned());
    }
    let given = frame.parameters.iter().filter(|(_, value)| *value != Value::Null);
    Head {
        title,
        description: marked(&frame.description),
        as_of: Some(Moment { exact: frame.as_of.to_rfc3339(), shown: moment(frame.as_of) }),
        parameters: given.map(|(name, value)| (visible(name).into_owned(), told(value))).collect(),
        walks,
        incomplete: frame.incomplete.then_some(INCOMPLETE),
        notes: frame.notes.iter().map(|note| visible(note).into_owned()).collect(),
    }
}

/// The parts of a text, of which every second one stood between backquotes: it is code.
pub fn marked(text: &str) -> Vec<&str> {
    let parts: Vec<_> = text.split('`').collect();
    // A backquote without another is one.
    if parts.len() % 2 == 0 { vec![text] } else { parts }
}

/// A value in the text above the rows.
fn told(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => visible(text).into_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Time(time) => moment(*time),
    }
}

fn push_row<'c>(kinds: &[Kind], row: impl Iterator<Item = &'c Cell<'c>>, out: &mut String) {
    out.push_str("<tr>");
    for (kind, cell) in kinds.iter().zip(row) {
        push_cell(*kind, cell, out).expect("writing to a string cannot fail");
    }
    out.push_str("</tr>\n");
}

/// A cell of an HTML table. The script of a page that stands alone sorts those of class `n` as numbers and those with a time by that.
pub fn push_cell(kind: Kind, cell: &Cell<'_>, out: &mut String) -> std::fmt::Result {
    match cell {
        Cell::Null => out.write_str("<td></td>"),
        Cell::Text(text) => {
            // `auto`: a name in Arabic does not turn what is around it.
            out.push_str("<td dir=\"auto\">");
            let long = text.chars().nth(LONG).is_some();
            if long {
                out.push_str("<div class=\"long\" tabindex=\"0\">");
            }
            Html.write_escaped_str(&mut *out, &visible(text))?;
            out.write_str(if long { "</div></td>" } else { "</td>" })
        }
        Cell::Integer(value) if kind == Kind::Boolean => write!(out, "<td>{}</td>", truth(*value)),
        Cell::Integer(value) => write!(out, "<td class=\"n\">{value}</td>"),
        Cell::Real(value) => write!(out, "<td class=\"n\">{value}</td>"),
        Cell::Time(time) => {
            let (exact, sql) = (time.to_rfc3339(), time.to_sql());
            write!(out, "<td><time datetime=\"{exact}\">{}</time></td>", &sql[..19])
        }
    }
}

fn end_table(rows: u64, kinds: &[Kind], out: &mut dyn Out) -> io::Result<()> {
    let count = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let zone = if kinds.contains(&Kind::Time) { "; times are in UTC" } else { "" };
    write!(out, "</tbody>\n</table>\n</div>\n<p class=\"count\">{count}{zone}</p>\n</section>\n")
}

fn render(template: &impl Template, out: &mut dyn Out) -> io::Result<()> {
    let text = template.render().map_err(io::Error::other)?;
    // The library drops a template's last line end.
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{HOSTILE, framed, random_text};
    use super::super::{Chart, Format, Style, open};
    use super::*;
    use crate::model::Timestamp;

    fn written(frame: Option<&Frame>, table: &Table, appendices: &[Appendix]) -> String {
        let mut out = io::Cursor::new(Vec::new());
        let mut sink = open(Format::Html, Style::default(), frame, &table.columns, &mut out).unwrap();
        for row in &table.rows {
            sink.row(&row.iter().map(Value::cell).collect::<Vec<_>>()).unwrap();
        }
        sink.finish(appendices).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    /// What stands between the tags of the first body of a table, row by row; the tags are those written here.
    fn cells(page: &str) -> Vec<Vec<String>> {
        let body = page.split_once("<tbody>\n").unwrap().1.split_once("</tbody>").unwrap().0;
        let cell = |cell: &str| {
            let text = cell.split_once('>').unwrap().1.strip_suffix("</td>").unwrap();
            assert!(!text.contains(['<', '>', '"', '\'']), "{text}");
            ["&#60;", "&#62;", "&#34;", "&#39;"]
                .into_iter()
                .zip(["<", ">", "\"", "'"])
                .fold(text.to_owned(), |text, (escaped, raw)| text.replace(escaped, raw))
                .replace("&#38;", "&")
        };
        body.lines()
            .map(|row| row.strip_prefix("<tr>").unwrap().strip_suffix("</tr>").unwrap())
            .map(|row| row.split("<td").skip(1).map(cell).collect())
            .collect()
    }

    #[test]
    fn cells_are_spelled_by_their_kind() {
        let (_, mut table, _) = framed();
        table.rows[1][0] = "<b>".into();
        let page = written(None, &table, &[]);
        assert!(page.starts_with("<!doctype html>\n") && page.contains("<title>Rows</title>"), "{page}");
        assert!(
            page.contains(
                "<tr><td dir=\"auto\">alice</td><td class=\"n\">7</td>\
                 <td><time datetime=\"2026-01-31T08:15:00.000Z\">2026-01-31 08:15:00</time></td><td>true</td></tr>\n\
                 <tr><td dir=\"auto\">&#60;b&#62;</td><td class=\"n\">-1</td><td></td><td>false</td></tr>\n"
            ),
            "{page}"
        );
        assert!(page.contains("<p class=\"count\">2 rows; times are in UTC</p>"), "{page}");
    }

    #[test]
    fn no_text_leaves_its_cell() {
        let mut texts = vec![HOSTILE.to_owned(), "</td></table><script>alert(1)</script>".to_owned()];
        texts.extend((0..2000).map(random_text));
        let mut table = Table::new([("a", Kind::Text)]);
        table.rows = texts.iter().map(|text| vec![text.as_str().into()]).collect();
        let read: Vec<String> = cells(&written(None, &table, &[])).into_iter().flatten().collect();
        let shown: Vec<_> = texts.iter().map(|text| visible(text)).collect();
        assert_eq!(read, shown);
    }

    #[test]
    fn a_page_asks_for_nothing_and_every_text_in_it_is_escaped() {
        let (mut frame, mut table, appendices) = framed();
        let evil = "<img onerror=alert(1)>\" autofocus onfocus='alert(2)";
        frame.title = evil.to_owned();
        frame.description = evil.to_owned();
        frame.parameters.push((evil.to_owned(), evil.into()));
        frame.walks.rows[0][1] = evil.into();
        frame.notes.push(evil.to_owned());
        frame.chart = Some(Chart { x: "at".to_owned(), y: vec![evil.to_owned()] });
        table.columns[1].name = evil.to_owned();
        table.columns.push(Column::new("site", Kind::Text));
        for (row, site) in table.rows.iter_mut().zip([evil, "other"]) {
            row[2] = Timestamp::parse_human("2026-01-31").unwrap().into();
            row.push(site.into());
        }
        let page = written(Some(&frame), &table, &appendices);
        assert!(page.contains("<svg") && page.contains("INCOMPLETE") && page.contains("2 h old"), "{page}");
        assert!(page.contains("Excluded users") && page.contains("cloud: no walk yet"), "{page}");
        assert!(!page.contains("<img") && !page.contains("onfocus='") && !page.contains("\" autofocus"), "{page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'), "{page}");
        for asking in ["http:", "https:", "url(", "@import", " src=", "<link", "<a "] {
            assert!(!page.contains(asking), "{asking}: {page}");
        }
    }

    #[test]
    fn without_rows_there_is_a_page() {
        let (mut frame, table, _) = framed();
        frame.chart = Some(Chart { x: "at".to_owned(), y: vec!["days".to_owned()] });
        let page = written(Some(&frame), &Table { rows: Vec::new(), ..table }, &[]);
        assert!(
            page.contains("<p class=\"count\">0 rows; times are in UTC</p>") && page.contains("no values to draw"),
            "{page}"
        );
        assert!(page.ends_with("</html>\n"), "{page}");
    }
}
