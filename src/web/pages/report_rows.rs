//! The rows of a report as cells of a page: users and groups are links.

use super::show::escaped;
use crate::render::{Appendix, Column, Table, Value, push_html_cell, visible};
use crate::report::Order;
use crate::web::asked::AS_OF;

/// Rows that are shown of what follows a report's own.
const MOST: usize = 100;

/// A heading over a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub name: String,
    /// What it tells.
    pub meaning: String,
    pub number: bool,
    /// Where the rows are in its order.
    pub address: String,
    /// `ascending` or `descending`, where they are now.
    pub sorted: &'static str,
}

/// The order that the heading of a column asks for: by it, or by it the other way.
pub(super) fn next_order(column: &str, now: Option<&Order>) -> Order {
    let descending = now.is_some_and(|now| now.column == column && !now.descending);
    Order { column: column.to_owned(), descending }
}

/// How the rows are sorted by this column now.
pub(super) fn sorted(column: &str, now: Option<&Order>) -> &'static str {
    match now.filter(|now| now.column == column) {
        None => "",
        Some(now) if now.descending => "descending",
        Some(_) => "ascending",
    }
}

/// The rows of a table, as its body in HTML. `as_of` is the moment of the past that is asked about.
pub(super) fn body(table: &Table, as_of: Option<&str>) -> String {
    let place = |name: &str| table.columns.iter().position(|column| column.name == name);
    let links = Links { site: place("site"), key: place("key"), name: place("name"), group: place("group"), as_of };
    let mut text = String::with_capacity(64 * table.columns.len() * table.rows.len());
    for row in &table.rows {
        push_row(&table.columns, row, &links, &mut text);
    }
    text
}

/// Where a row says whom and what it is about.
struct Links<'a> {
    site: Option<usize>,
    key: Option<usize>,
    name: Option<usize>,
    group: Option<usize>,
    as_of: Option<&'a str>,
}

impl Links<'_> {
    /// The address behind a cell, if it is that of somebody or something.
    fn address(&self, row: &[Value], cell: usize) -> Option<String> {
        let text = |place: Option<usize>| match place.map(|place| &row[place]) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        };
        let (site, value) = (text(self.site)?, text(Some(cell))?);
        let what = match Some(cell) {
            place if place == self.key => "key",
            place if place == self.name && self.key.is_some() => match text(self.key) {
                Some(key) => return Some(self.to(site, "key", key)),
                // Only User Export shows whoever has none.
                None => "name",
            },
            place if place == self.group => "group",
            _ => return None,
        };
        Some(self.to(site, what, value))
    }

    fn to(&self, site: &str, what: &str, value: &str) -> String {
        let as_of = self.as_of.map(|as_of| format!("&amp;{AS_OF}={}", escaped(as_of))).unwrap_or_default();
        format!("/find?site={}&amp;{what}={}{as_of}", escaped(site), escaped(value))
    }
}

fn push_row(columns: &[Column], row: &[Value], links: &Links<'_>, out: &mut String) {
    out.push_str("<tr>");
    for (place, (column, value)) in columns.iter().zip(row).enumerate() {
        let begin = out.len();
        push_html_cell(column.kind, &value.cell(), out).expect("writing to a string cannot fail");
        if let Some(address) = links.address(row, place) {
            link(out, begin, &address);
        }
    }
    out.push_str("</tr>\n");
}

/// Makes a link of what stands in the cell that begins at `begin`.
fn link(out: &mut String, begin: usize, address: &str) {
    let inside = out[begin..].find('>').map_or(begin, |end| begin + end + 1);
    out.insert_str(inside, &format!("<a href=\"{address}\">"));
    let end = out.len() - "</td>".len();
    out.insert_str(end, "</a>");
}

/// A table that follows the rows, as far as it is shown.
pub(super) struct Following {
    pub title: &'static str,
    pub columns: Vec<(String, bool)>,
    pub body: String,
    pub rows: usize,
    pub left_out: usize,
}

impl Following {
    pub fn of(appendix: &Appendix, as_of: Option<&str>) -> Option<Self> {
        let Appendix { title, table, .. } = appendix;
        let columns = table.columns.iter();
        let columns = columns.map(|column| (visible(&column.name).into_owned(), column.kind.is_number())).collect();
        let rows = table.rows.len();
        let shown = Table { columns: table.columns.clone(), rows: table.rows.iter().take(MOST).cloned().collect() };
        (rows > 0).then(|| Self {
            title,
            columns,
            body: body(&shown, as_of),
            rows,
            left_out: rows.saturating_sub(MOST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Kind;

    #[test]
    fn users_and_groups_are_links_and_nothing_leaves_its_cell() {
        let names = ["site", "key", "name", "group"].map(|name| (name, Kind::Text));
        let mut table = Table::new(names.into_iter().chain([("days", Kind::Integer)]));
        let evil = "\"><script>&";
        table.rows = vec![
            vec!["corp".into(), "k/1".into(), evil.into(), Value::Null, 7.into()],
            vec![evil.into(), Value::Null, "bob".into(), "a&b".into(), Value::Null],
        ];
        let escaped = "&#34;&#62;&#60;script&#62;&#38;";
        assert_eq!(
            body(&table, Some("2026-01-31")),
            format!(
                "<tr><td dir=\"auto\">corp</td>\
                 <td dir=\"auto\"><a href=\"/find?site=corp&amp;key=k%2F1&amp;as-of=2026%2D01%2D31\">k/1</a></td>\
                 <td dir=\"auto\"><a href=\"/find?site=corp&amp;key=k%2F1&amp;as-of=2026%2D01%2D31\">{escaped}</a></td>\
                 <td></td><td class=\"n\">7</td></tr>\n\
                 <tr><td dir=\"auto\">{escaped}</td><td></td>\
                 <td dir=\"auto\"><a href=\"/find?site=%22%3E%3Cscript%3E%26&amp;name=bob&amp;as-of=2026%2D01%2D31\">\
                 bob</a></td>\
                 <td dir=\"auto\"><a href=\"/find?site=%22%3E%3Cscript%3E%26&amp;group=a%26b&amp;as-of=2026%2D01%2D31\">\
                 a&#38;b</a></td><td></td></tr>\n"
            )
        );
    }

    #[test]
    fn a_heading_turns_the_order_round() {
        let up = next_order("name", None);
        assert_eq!((up.descending, sorted("name", Some(&up)), sorted("key", Some(&up))), (false, "ascending", ""));
        let down = next_order("name", Some(&up));
        assert_eq!((down.descending, sorted("name", Some(&down))), (true, "descending"));
        assert!(!next_order("name", Some(&down)).descending && !next_order("key", Some(&up)).descending);
    }
}
