//! Some of a report's rows, in its own order or by a column: a page of a long answer. What lies outside is counted, and
//! neither kept nor copied.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;

use sqlx::SqliteConnection;

use super::declaration::{Origin, Report};
use super::run::{Answer, Part, ReportError, Request, Settings, run_part};
use crate::render::{Appendix, Cell, Sink, Table, Value, quoted};

/// Reports whose rows take less to count, and then to find some of, than to find and sort all of them. It is not said in
/// their files, of which manifests keep a digest.
const COUNTED_APART: [&str; 5] = ["licensed", "inactive", "reclaimable", "users", "memberships"];

/// Which rows, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// By this column instead of the report's own order.
    pub order: Option<Order>,
    /// So many rows are passed over.
    pub offset: u64,
    /// At most so many are kept.
    pub size: u64,
}

/// By a column: empty cells last, whichever way, and rows that do not differ in it as the report has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub column: String,
    /// The greatest first.
    pub descending: bool,
}

/// What is seen through a window.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The answer, of whose rows those are kept that lie in the window.
    pub answer: Answer,
    /// How many rows there are.
    pub rows: u64,
    /// All rows, of a report that is drawn.
    pub drawn: Option<Table>,
}

/// As [`run()`](super::run()), and keeps the rows of a window.
///
/// # Errors
/// As [`run()`](super::run()); the report has no such column.
pub async fn view(
    connection: &mut SqliteConnection,
    report: &Report,
    request: &Request,
    settings: &Settings,
    window: &Window,
) -> Result<View, ReportError> {
    let part = part(report, request, settings, window);
    // What SQLite has passed over is not passed over again.
    let passed = if part.is_some() { Window { offset: 0, ..window.clone() } } else { window.clone() };
    let (mut kept, mut drawn, mut appendices) = (Kept::of(&passed, report)?, None, Vec::new());
    let mut table = Table::default();
    let told = run_part(connection, report, request, settings, part, |frame, columns| {
        table.columns = columns.to_vec();
        drawn = frame.chart.as_ref().map(|_| Table { columns: columns.to_vec(), rows: Vec::new() });
        Ok(Box::new(Keep { kept: &mut kept, drawn: drawn.as_mut(), appendices: &mut appendices }))
    })
    .await?;
    table.rows = kept.finish();
    Ok(View { answer: Answer { frame: told.frame, table, appendices }, rows: told.rows, drawn })
}

/// The rows of the window as a part of the answer that SQLite can cut out: in the report's own order, and where no row is
/// looked at here before it is counted.
fn part(report: &Report, request: &Request, settings: &Settings, window: &Window) -> Option<Part> {
    let looks = (report.exceptions && !settings.exceptions.is_empty()) || request.sift.is_some();
    let is_counted_apart = report.origin == Origin::BuiltIn && COUNTED_APART.contains(&report.name.as_str());
    let may = window.order.is_none() && is_counted_apart && !looks;
    may.then_some(Part { offset: window.offset, size: window.size })
}

struct Keep<'a> {
    kept: &'a mut Kept,
    drawn: Option<&'a mut Table>,
    appendices: &'a mut Vec<Appendix>,
}

impl Sink for Keep<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        if let Some(drawn) = &mut self.drawn {
            drawn.rows.push(row.iter().map(Cell::to_value).collect());
        }
        self.kept.take(row);
        Ok(())
    }

    fn finish(self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        self.appendices.extend_from_slice(appendices);
        Ok(())
    }
}

/// The rows that may be in the window, so far.
struct Kept {
    /// The place of the column, and whether the greatest are first.
    by: Option<(usize, bool)>,
    offset: u64,
    size: u64,
    /// How many rows there were.
    seen: u64,
    /// In the report's own order.
    plain: Vec<Vec<Value>>,
    /// Those that come first, the last of them on top.
    first: BinaryHeap<Ranked>,
}

struct Ranked {
    by: (usize, bool),
    /// Its number in the report's own order.
    number: u64,
    row: Vec<Value>,
}

impl Kept {
    fn of(window: &Window, report: &Report) -> Result<Self, ReportError> {
        let place = |order: &Order| {
            let place = report.columns.iter().position(|column| column.name == order.column);
            let place = place.ok_or_else(|| {
                let names: Vec<&str> = report.columns.iter().map(|column| column.name.as_str()).collect();
                let (column, names) = (quoted(&order.column), names.join(", "));
                ReportError::Usage(format!("the report {} has no column {column}: it has {names}", report.name))
            })?;
            Ok::<_, ReportError>((place, order.descending))
        };
        let by = window.order.as_ref().map(place).transpose()?;
        let Window { offset, size, .. } = *window;
        Ok(Self { by, offset, size, seen: 0, plain: Vec::new(), first: BinaryHeap::new() })
    }

    fn take(&mut self, row: &[Cell<'_>]) {
        let number = self.seen;
        self.seen += 1;
        let values = || row.iter().map(Cell::to_value).collect();
        let end = self.offset.saturating_add(self.size);
        let Some(by @ (place, descending)) = self.by else {
            if (self.offset..end).contains(&number) {
                self.plain.push(values());
            }
            return;
        };
        let is_full = self.first.len() as u64 >= end;
        // One that is like the last of them comes after it: it is later in the report's own order.
        let comes_after = |last: &Ranked| compare(&row[place], &last.row[place].cell(), descending) != Ordering::Less;
        if is_full && self.first.peek().is_none_or(comes_after) {
            return;
        }
        if is_full {
            self.first.pop();
        }
        self.first.push(Ranked { by, number, row: values() });
    }

    fn finish(self) -> Vec<Vec<Value>> {
        match self.by {
            None => self.plain,
            Some(_) => {
                let sorted = self.first.into_sorted_vec().into_iter();
                sorted.skip(usize::try_from(self.offset).unwrap_or(usize::MAX)).map(|ranked| ranked.row).collect()
            }
        }
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (place, descending) = self.by;
        compare(&self.row[place].cell(), &other.row[place].cell(), descending).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// Which of two cells of a column comes first: nothing is last, whichever way.
fn compare(a: &Cell<'_>, b: &Cell<'_>, descending: bool) -> Ordering {
    match (a, b) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Greater,
        (_, Cell::Null) => Ordering::Less,
        _ if descending => ascending(b, a),
        _ => ascending(a, b),
    }
}

fn ascending(a: &Cell<'_>, b: &Cell<'_>) -> Ordering {
    /// Where a column holds values of several kinds.
    fn kind(cell: &Cell<'_>) -> u8 {
        match cell {
            Cell::Null => 0,
            Cell::Integer(_) | Cell::Real(_) => 1,
            Cell::Time(_) => 2,
            Cell::Text(_) => 3,
        }
    }
    match (a, b) {
        (Cell::Integer(a), Cell::Integer(b)) => a.cmp(b),
        (Cell::Real(a), Cell::Real(b)) => a.total_cmp(b),
        (Cell::Integer(a), Cell::Real(b)) => (*a as f64).total_cmp(b),
        (Cell::Real(a), Cell::Integer(b)) => a.total_cmp(&(*b as f64)),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => folded(a).cmp(folded(b)).then_with(|| a.cmp(b)),
        _ => kind(a).cmp(&kind(b)),
    }
}

/// Names are looked for by their letters, whatever the case.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::testing::mirror;
    use super::super::{collect, registry};
    use super::*;
    use crate::model::Timestamp;

    fn window(order: Option<(&str, bool)>, offset: u64, size: u64) -> Window {
        let order = order.map(|(column, descending)| Order { column: column.to_owned(), descending });
        Window { order, offset, size }
    }

    async fn seen(name: &str, window: &Window) -> Result<View, ReportError> {
        let request = Request { as_of: Timestamp::parse_human("2026-03-01T00:00:00Z").unwrap(), ..Request::default() };
        let report = registry::find(name).unwrap();
        view(&mut mirror().await, report, &request, &Settings::default(), window).await
    }

    #[tokio::test]
    async fn windows_side_by_side_show_every_row_once() {
        let whole = seen("users", &window(None, 0, 1000)).await.unwrap();
        assert_eq!(whole.rows, whole.answer.table.rows.len() as u64);
        let place = |name: &str| whole.answer.table.columns.iter().position(|column| column.name == name).unwrap();
        let orders = [None, Some(("name", false)), Some(("name", true)), Some(("last_login_at", true))];
        for order in orders {
            let mut expected = whole.answer.table.rows.clone();
            if let Some((column, descending)) = order {
                expected.sort_by(|a, b| compare(&a[place(column)].cell(), &b[place(column)].cell(), descending));
            }
            let mut found = Vec::new();
            for offset in (0..whole.rows + 3).step_by(3) {
                let part = seen("users", &window(order, offset, 3)).await.unwrap();
                assert_eq!(part.rows, whole.rows, "all are counted");
                found.extend(part.answer.table.rows);
            }
            assert_eq!(found, expected, "{order:?}");
        }
    }

    #[tokio::test]
    async fn what_sqlite_cuts_out_is_a_part_of_the_whole() {
        let request = Request { as_of: Timestamp::parse_human("2026-03-01T00:00:00Z").unwrap(), ..Request::default() };
        let mut mirror = mirror().await;
        for report in registry::built_in() {
            let whole = collect(&mut mirror, report, &request, &Settings::default()).await.unwrap();
            for (offset, size) in [(0, 2), (1, 3), (1000, 5)] {
                let part = window(None, offset, size);
                let part = view(&mut mirror, report, &request, &Settings::default(), &part).await.unwrap();
                assert_eq!(part.rows, whole.table.rows.len() as u64, "{}", report.name);
                let expected: Vec<_> =
                    whole.table.rows.iter().skip(offset as usize).take(size as usize).cloned().collect();
                assert_eq!(part.answer.table.rows, expected, "{}", report.name);
                assert_eq!(part.answer.frame, whole.frame, "{}", report.name);
                assert_eq!(part.answer.appendices, whole.appendices, "{}", report.name);
            }
        }
    }

    #[tokio::test]
    async fn a_column_that_is_not_there_is_refused() {
        let error = seen("users", &window(Some(("nmae", false)), 0, 10)).await.unwrap_err();
        let ReportError::Usage(message) = error else { panic!("{error:?}") };
        assert!(message.contains("'nmae'") && message.contains("site, key, name"), "{message}");
    }

    #[tokio::test]
    async fn what_is_drawn_is_drawn_whole() {
        let part = seen("activity", &window(None, 0, 1)).await.unwrap();
        assert_eq!((part.drawn.unwrap().rows.len() as u64, part.answer.table.rows.len()), (part.rows, 1));
    }

    #[test]
    fn cells_have_an_order_and_nothing_is_last() {
        let text = |text: &'static str| Cell::Text(text.into());
        let (first, last) = (Ordering::Less, Ordering::Greater);
        for (a, b, up, down) in [
            (text("adam"), text("Zoe"), first, last),
            (text("Ärger"), text("ärger"), first, last),
            (Cell::Integer(9), Cell::Integer(10), first, last),
            (Cell::Integer(2), Cell::Real(1.5), last, first),
            (text("x"), Cell::Null, first, first),
            (Cell::Null, Cell::Integer(0), last, last),
        ] {
            assert_eq!((compare(&a, &b, false), compare(&a, &b, true)), (up, down), "{a:?} {b:?}");
        }
    }
}
