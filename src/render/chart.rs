//! Rows that are a series, drawn as lines over time. What is drawn is gathered while the rows go by.

use std::fmt::Write;

use askama::Template;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};

use super::{Cell, Chart, Column, Table, Value, visible};
use crate::model::Timestamp;

/// More points are not kept: memory is bounded, and nobody could tell them apart.
const POINTS: usize = 10_000;
/// More lines than there are pairs of a colour and a dash pattern could not be told apart.
const LINES: usize = COLOURS * DASHES.len();
/// How many colours the style sheet names, `--c0` and on.
const COLOURS: usize = 8;
const DASHES: [&str; 8] = ["none", "9 4", "2 4", "12 4 2 4", "5 3", "16 5", "9 3 2 3 2 3", "1 3"];
/// How many shapes of points the template defines, `mark0` and on.
const MARKS: usize = 4;
/// A line of more points shows them only under the pointer: they would hide it.
const MARKED: usize = 60;
/// Height of the plot, pixels. Its width is the page's, so it is told in hundredths of a percent.
const HEIGHT: f64 = 260.0;
const WIDTH: f64 = 10_000.0;
/// Values beyond are not drawn: their differences would be infinite.
const LARGEST: f64 = 1e300;
/// Differences below are none: a step of the scale could not be told from zero.
const SMALLEST: f64 = 1e-290;

/// What the rows tell that is drawn.
pub(super) struct Series {
    x: usize,
    y: Vec<(usize, String)>,
    site: Option<usize>,
    lines: Vec<Line>,
    points: usize,
}

struct Line {
    y: usize,
    site: Option<String>,
    /// A moment without a value is a gap.
    points: Vec<(Timestamp, Option<f64>)>,
}

impl Series {
    /// Nothing yet; `None` where the columns are not there.
    pub(super) fn of(chart: &Chart, columns: &[Column]) -> Option<Self> {
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let y = chart.y.iter().map(|name| Some((place(name)?, name.clone()))).collect::<Option<_>>()?;
        Some(Self { x: place(&chart.x)?, y, site: place("site"), lines: Vec::new(), points: 0 })
    }

    /// Keeps what is drawn of a row.
    pub(super) fn row(&mut self, row: &[Cell<'_>]) {
        let Cell::Time(x) = row[self.x] else { return };
        let site = self.site.map(|site| match &row[site] {
            Cell::Text(text) => text.as_ref(),
            _ => "",
        });
        for (y, (column, _)) in self.y.iter().enumerate() {
            if self.points > POINTS || self.lines.len() > LINES {
                return;
            }
            let value = match row[*column] {
                Cell::Integer(value) => Some(value as f64),
                Cell::Real(value) if value.abs() <= LARGEST => Some(value),
                _ => None,
            };
            let place = self.lines.iter().position(|line| line.y == y && line.site.as_deref() == site);
            let place = place.unwrap_or_else(|| {
                self.lines.push(Line { y, site: site.map(str::to_owned), points: Vec::new() });
                self.lines.len() - 1
            });
            self.lines[place].points.push((x, value));
            self.points += 1;
        }
    }

    /// The drawing, a part of a page; or the reason that there is none.
    pub(super) fn draw(self, title: &str) -> Drawing {
        let mut drawing = Drawing { title: visible(title).into_owned(), ..Drawing::default() };
        let Self { y: names, mut lines, points, .. } = self;
        if points > POINTS {
            drawing.instead = format!("No chart: the rows have more than {} values to draw.", grouped(POINTS as i64));
            return drawing;
        }
        if lines.len() > LINES {
            drawing.instead = format!("No chart: the rows would make more than {LINES} lines.");
            return drawing;
        }
        lines.retain(|line| line.points.iter().any(|(_, value)| value.is_some()));
        // Of the same column beside each other, whichever came first.
        lines.sort_by_key(|line| line.y);
        for line in &mut lines {
            line.points.sort_by_key(|(x, _)| *x);
        }
        let drawn = || lines.iter().flat_map(|line| &line.points).filter_map(|(x, value)| Some((*x, (*value)?)));
        let (Some(first), Some(last)) = (drawn().map(|(x, _)| x).min(), drawn().map(|(x, _)| x).max()) else {
            drawing.instead = "No chart: there are no values to draw.".to_owned();
            return drawing;
        };
        let lowest = drawn().map(|(_, value)| value).fold(f64::INFINITY, f64::min);
        let highest = drawn().map(|(_, value)| value).fold(f64::NEG_INFINITY, f64::max);
        let whole = drawn().all(|(_, value)| value.fract() == 0.0);

        let across = Across::of(first, last);
        let ticks = value_ticks(lowest, highest, whole);
        let (bottom, top) = (ticks[0], ticks[ticks.len() - 1]);
        let up = |value: f64| HEIGHT - (value - bottom) / (top - bottom) * HEIGHT;

        let labels = value_labels(&ticks);
        drawing.margin = 14 + 8 * labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        drawing.values = ticks.iter().zip(labels).map(|(tick, label)| (pixels(up(*tick)), label)).collect();
        drawing.times = time_ticks(across.from, across.to)
            .into_iter()
            .map(|tick| Moment { at: percent(across.place(tick.at)), label: tick.label, below: tick.below })
            .collect();
        // Where there are several lines of one name only the other part tells them apart.
        let sites = lines.iter().any(|line| line.site != lines[0].site);
        let columns = lines.iter().any(|line| line.y != lines[0].y);
        let mut drawn_names: Vec<_> = lines.iter().map(|line| visible(&names[line.y].1)).collect();
        drawn_names.dedup();
        drawing.caption = drawn_names.join(", ");
        for (i, line) in lines.iter().enumerate() {
            let column = visible(&names[line.y].1).into_owned();
            let label = match line.site.as_deref().filter(|_| sites) {
                None => column,
                Some(site) => {
                    let site = if site.is_empty() { "(no site)".into() } else { visible(site) };
                    if columns { format!("{site}: {column}") } else { site.into_owned() }
                }
            };
            let marked = line.points.len() <= MARKED;
            let drawn: Vec<_> = line.points.iter().map(|(x, value)| value.map(|value| (*x, value))).collect();
            let points = (0..drawn.len()).filter_map(|i| {
                let (x, value) = drawn[i]?;
                let near = |i: Option<usize>| i.and_then(|i| drawn.get(i).copied().flatten()).is_some();
                let alone = !near(i.checked_sub(1)) && !near(Some(i + 1));
                Some(Point {
                    x: percent(across.place(x)),
                    y: pixels(up(value)),
                    shown: marked || alone,
                    tells: format!("{label}, {}: {}", minute(x), number(value)),
                })
            });
            drawing.lines.push(Drawn {
                colour: i % COLOURS,
                // Another pattern for the same colour the next time round.
                dash: DASHES[(i + i / COLOURS) % DASHES.len()],
                mark: (i + i / COLOURS) % MARKS,
                marked,
                points: points.collect(),
                path: path(drawn.iter().map(|point| point.map(|(x, value)| (across.place(x) * WIDTH, up(value))))),
                label,
            });
        }
        let count = if lines.len() == 1 { "One line".to_owned() } else { format!("{} lines", lines.len()) };
        drawing.description = format!(
            "{count} from {} to {} UTC; the lowest value is {}, the highest {}. The table has every value.",
            minute(first),
            minute(last),
            number(lowest),
            number(highest)
        );
        drawing
    }
}

/// The rows of `table` drawn, a part of a page, or the sentence that says why there is no drawing. The ids of its elements
/// begin with `id`; the page's style sheet has its colours.
pub fn chart(chart: &Chart, table: &Table, title: &str, id: &str) -> Result<String, askama::Error> {
    let Some(mut series) = Series::of(chart, &table.columns) else { return Ok(String::new()) };
    for row in &table.rows {
        series.row(&row.iter().map(Value::cell).collect::<Vec<_>>());
    }
    Drawing { id: id.to_owned(), ..series.draw(title) }.render()
}

/// What the template draws.
#[derive(Default, Template)]
#[template(path = "chart.html")]
pub(super) struct Drawing {
    /// What the ids of its elements begin with: a page may have several.
    id: String,
    title: String,
    description: String,
    /// Why there is nothing else here.
    instead: String,
    /// What the values are.
    caption: String,
    /// What the longest label at the left takes, pixels.
    margin: usize,
    values: Vec<(String, String)>,
    times: Vec<Moment>,
    lines: Vec<Drawn>,
}

struct Moment {
    at: String,
    label: String,
    below: String,
}

struct Drawn {
    label: String,
    colour: usize,
    dash: &'static str,
    mark: usize,
    marked: bool,
    path: String,
    points: Vec<Point>,
}

struct Point {
    x: String,
    y: String,
    shown: bool,
    tells: String,
}

/// The scale along the bottom.
struct Across {
    from: Timestamp,
    to: Timestamp,
}

impl Across {
    /// From the first to the last moment; around them where they are too near each other to tell them apart.
    fn of(first: Timestamp, last: Timestamp) -> Self {
        let missing = if first == last { 2 * DAY } else { (10 * MINUTE - (last.millis() - first.millis())).max(0) };
        Self { from: first.plus_millis(-missing / 2), to: last.plus_millis(missing / 2) }
    }

    /// Where a moment stands, 0 at the left and 1 at the right.
    fn place(&self, time: Timestamp) -> f64 {
        let millis = |time: Timestamp| (time.millis() - self.from.millis()) as f64;
        millis(time) / millis(self.to)
    }
}

/// Round values from at or below `lowest` to at or above `highest`, at least two. From zero where that leaves the lines
/// enough of the height; of `whole` numbers none has a fraction.
fn value_ticks(lowest: f64, highest: f64, whole: bool) -> Vec<f64> {
    let (mut from, mut to) = (lowest, highest);
    if from >= 0.0 && to - from >= 0.25 * to {
        from = 0.0;
    } else if to <= 0.0 && to - from >= -0.25 * from {
        to = 0.0;
    }
    if to - from < SMALLEST {
        // A line in the middle, far enough from the edges that floating point can tell them apart.
        let around = if from.abs() < SMALLEST { 1.0 } else { (from.abs() * 0.1).max(if whole { 1.0 } else { 0.0 }) };
        // Counts do not go below zero.
        from = if from >= 0.0 { (from - around).max(0.0) } else { from - around };
        to += around;
    }
    let least = if whole { 1.0 } else { 0.0 };
    let step = round_step((to - from) / 5.0).max(least).max(to.abs().max(from.abs()) * 1e-12);
    let (first, last) = ((from / step).floor() as i64, (to / step).ceil() as i64);
    (first..=last.max(first + 1)).map(|i| i as f64 * step).collect()
}

/// The round number, 1, 2 or 5 with zeros, that is at least `step`.
fn round_step(step: f64) -> f64 {
    let unit = 10_f64.powf(step.log10().floor());
    // A hair more, lest 2.0000000000000004 become 5.
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * unit * (1.0 + 1e-9) >= step).unwrap_or(10.0);
    times * unit
}

/// How the values of an axis are written: all with the same unit and as many decimals.
fn value_labels(ticks: &[f64]) -> Vec<String> {
    let step = ticks[1] - ticks[0];
    let largest = ticks.iter().fold(0.0_f64, |largest, tick| largest.max(tick.abs()));
    if !(1e-4..1e15).contains(&largest) {
        return ticks.iter().map(|tick| if *tick == 0.0 { "0".to_owned() } else { format!("{tick:.2e}") }).collect();
    }
    let (unit, name) = [(1e12, "T"), (1e9, "G"), (1e6, "M")]
        .into_iter()
        .find(|(unit, _)| largest >= *unit && step >= unit / 100.0)
        .unwrap_or((1.0, ""));
    let decimals = (-(step / unit * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 12.0) as usize;
    let label = |tick: &f64| {
        if *tick == 0.0 {
            return "0".to_owned();
        }
        let text = format!("{:.decimals$}", tick.abs() / unit);
        let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let sign = if *tick < 0.0 { "\u{2212}" } else { "" };
        format!("{sign}{}{rest}{name}", whole.parse().map_or_else(|_| whole.to_owned(), grouped))
    };
    ticks.iter().map(label).collect()
}

/// `12,345`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value in words: whole numbers grouped, others as they are.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { grouped(value as i64) } else { format!("{value:?}") }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// About as many labels as fit along the bottom.
const TIMES: i64 = 10;

/// A round moment along the bottom.
#[derive(Debug, PartialEq)]
struct Tick {
    at: Timestamp,
    label: String,
    /// The larger unit, where it is another than at the tick before.
    below: String,
}

/// The round moments of the UTC calendar from `from` to `to`: minutes, hours, days, months or years.
fn time_ticks(from: Timestamp, to: Timestamp) -> Vec<Tick> {
    let span = to.millis() - from.millis();
    let fits = |length: i64| span / length < TIMES;
    let clock = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR];
    let calendar = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400, 6_000, 12_000];
    let moments: Vec<Timestamp> = if let Some(step) = clock.into_iter().find(|step| fits(*step)) {
        every(from, to, step, 0)
    } else if let Some(days) = [1, 2, 7, 14].into_iter().find(|days| fits(days * DAY) && span < 90 * DAY) {
        // 1970-01-01 was a Thursday; weeks begin on Monday.
        every(from, to, days * DAY, if days >= 7 { 4 * DAY } else { 0 })
    } else {
        let months = calendar.into_iter().find(|months| fits(months * 30 * DAY)).unwrap_or(12_000);
        let start = utc(from);
        let first = (i64::from(start.year()) * 12 + i64::from(start.month0())).div_euclid(months) * months;
        (0..)
            .map(|i| first + i * months)
            .map_while(|month| {
                let day = NaiveDate::from_ymd_opt((month / 12) as i32, (month % 12) as u32 + 1, 1)?;
                let at = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
                (at <= to.millis()).then_some(at)
            })
            .filter(|at| *at >= from.millis())
            .map(Timestamp::from_millis_clamped)
            .collect()
    };
    let step = moments.get(1).map_or(DAY, |second| second.millis() - moments[0].millis());
    let mut before = String::new();
    moments
        .into_iter()
        .map(|at| {
            let time = utc(at);
            let (label, below) = if step < DAY {
                (format!("{:02}:{:02}", time.hour(), time.minute()), format!("{} {}", day(&time), time.year()))
            } else if step < 28 * DAY {
                (day(&time), time.year().to_string())
            } else if step < 365 * DAY {
                (month(&time).to_owned(), time.year().to_string())
            } else {
                (time.year().to_string(), String::new())
            };
            let below = if below == before { String::new() } else { below };
            if !below.is_empty() {
                before.clone_from(&below);
            }
            Tick { at, label, below }
        })
        .collect()
}

/// The multiples of `step` after 1970 and `shift`.
fn every(from: Timestamp, to: Timestamp, step: i64, shift: i64) -> Vec<Timestamp> {
    let first = (from.millis() - shift + step - 1).div_euclid(step) * step + shift;
    (0..).map(|i| first + i * step).take_while(|at| *at <= to.millis()).map(Timestamp::from_millis_clamped).collect()
}

fn utc(time: Timestamp) -> DateTime<Utc> {
    time.in_zone(&Utc)
}

fn month(time: &DateTime<Utc>) -> &'static str {
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][time.month0() as usize]
}

fn day(time: &DateTime<Utc>) -> String {
    format!("{} {}", time.day(), month(time))
}

/// `2026-01-31 08:15`, or the day alone at its beginning.
fn minute(time: Timestamp) -> String {
    let text = time.to_sql();
    text[..if time.millis().rem_euclid(DAY) == 0 { 10 } else { 16 }].to_owned()
}

fn percent(place: f64) -> String {
    format!("{:.2}%", place * 100.0)
}

fn pixels(y: f64) -> String {
    format!("{y:.1}")
}

/// The line through the points, broken where one is missing.
fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for point in points {
        if let Some((x, y)) = point {
            let to = if drawing { 'L' } else { 'M' };
            write!(path, "{to}{x:.0} {y:.1}").expect("writing to a string cannot fail");
        }
        drawing = point.is_some();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_human(text).unwrap()
    }

    #[test]
    fn values_have_round_ticks_around_them() {
        assert_eq!(value_ticks(3.0, 98.0, true), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(value_ticks(0.0, 3.0, true), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(value_ticks(0.0, 1.0, false), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(value_ticks(10_010.0, 10_090.0, true), [10_000.0, 10_020.0, 10_040.0, 10_060.0, 10_080.0, 10_100.0]);
        assert_eq!(value_ticks(-5.0, 5.0, true), [-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0]);
        assert_eq!(value_ticks(-98.0, -3.0, true), [-100.0, -80.0, -60.0, -40.0, -20.0, 0.0]);
    }

    #[test]
    fn one_value_and_any_value_have_ticks() {
        assert_eq!(value_ticks(0.0, 0.0, true), [0.0, 1.0]);
        assert_eq!(value_ticks(1.0, 1.0, true), [0.0, 1.0, 2.0]);
        assert_eq!(value_ticks(500.0, 500.0, true), [440.0, 460.0, 480.0, 500.0, 520.0, 540.0, 560.0]);
        for (lowest, highest) in [
            (-LARGEST, LARGEST),
            (LARGEST, LARGEST),
            (1e17, 1e17),
            (1e17, 1e17 + 16.0),
            (5e-324, 5e-324),
            (-1e-9, 1e-9),
            (i64::MIN as f64, i64::MAX as f64),
        ] {
            for whole in [false, true] {
                let ticks = value_ticks(lowest, highest, whole);
                assert!((2..=12).contains(&ticks.len()), "{lowest} {highest}: {ticks:?}");
                assert!(ticks.is_sorted_by(|a, b| a < b), "{lowest} {highest}: {ticks:?}");
                assert!(ticks[0] <= lowest && highest <= ticks[ticks.len() - 1], "{lowest} {highest}: {ticks:?}");
                assert!(value_labels(&ticks).iter().all(|label| label.len() < 24), "{ticks:?}");
            }
        }
    }

    #[test]
    fn labels_share_a_unit_and_their_decimals() {
        assert_eq!(value_labels(&[0.0, 0.05, 0.1]), ["0", "0.05", "0.10"]);
        assert_eq!(value_labels(&[-2_000.0, 0.0, 2_000.0]), ["\u{2212}2,000", "0", "2,000"]);
        assert_eq!(value_labels(&[0.0, 500_000.0, 1_000_000.0]), ["0", "0.5M", "1.0M"]);
        assert_eq!(value_labels(&[10_000_000.0, 10_000_001.0]), ["10,000,000", "10,000,001"]);
    }

    #[test]
    fn moments_are_round_and_the_larger_unit_stands_where_it_changes() {
        let ticks = |from, to| -> Vec<(String, String)> {
            time_ticks(time(from), time(to)).into_iter().map(|tick| (tick.label, tick.below)).collect()
        };
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(label, below)| ((*label).to_owned(), (*below).to_owned())).collect()
        };
        assert_eq!(
            ticks("2025-10-15T00:00:00Z", "2026-03-01T00:00:00Z"),
            pairs(&[("Nov", "2025"), ("Dec", ""), ("Jan", "2026"), ("Feb", ""), ("Mar", "")])
        );
        assert_eq!(
            ticks("2024-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
                .iter()
                .map(|(label, _)| label.as_str())
                .collect::<Vec<_>>(),
            ["Jan", "Apr", "Jul", "Oct", "Jan", "Apr", "Jul", "Oct", "Jan"]
        );
        assert_eq!(
            ticks("2026-01-31T20:30:00Z", "2026-02-01T04:00:00Z"),
            pairs(&[
                ("21:00", "31 Jan 2026"),
                ("22:00", ""),
                ("23:00", ""),
                ("00:00", "1 Feb 2026"),
                ("01:00", ""),
                ("02:00", ""),
                ("03:00", ""),
                ("04:00", "")
            ])
        );
        // Weeks begin on Monday.
        assert_eq!(ticks("2026-01-01T00:00:00Z", "2026-02-05T00:00:00Z")[0], ("5 Jan".to_owned(), "2026".to_owned()));
        assert_eq!(ticks("0000-01-01T00:00:00Z", "9999-12-31T00:00:00Z").len(), 10);
        for days in 1..4_000 {
            let from = time("2026-01-31T08:15:00Z");
            let count = time_ticks(from, from.plus_millis(days * DAY)).len();
            assert!((1..=11).contains(&count), "{days} days: {count}");
        }
    }

    fn series(rows: &[(i64, Option<&str>, Cell<'static>)]) -> Drawing {
        let columns =
            [Column::new("at", Kind::Time), Column::new("site", Kind::Text), Column::new("members", Kind::Integer)];
        let chart = Chart { x: "at".to_owned(), y: vec!["members".to_owned()] };
        let mut series = Series::of(&chart, &columns).unwrap();
        for (day, site, value) in rows {
            let at = time("2026-01-01T00:00:00Z").plus_millis(day * DAY);
            let site = site.map_or(Cell::Null, |site| Cell::Text(site.into()));
            series.row(&[Cell::Time(at), site, value.clone()]);
        }
        series.draw("Growth")
    }

    #[test]
    fn a_line_is_in_the_order_of_time_and_has_gaps() {
        let drawing = series(&[
            (3, Some("corp"), Cell::Integer(4)),
            (0, Some("corp"), Cell::Integer(0)),
            (1, Some("corp"), Cell::Integer(2)),
            (2, Some("corp"), Cell::Null),
            (4, Some("corp"), Cell::Integer(4)),
            (1, Some("<cloud>"), Cell::Integer(1)),
        ]);
        assert_eq!(drawing.lines[0].path, "M0 260.0L2500 130.0M7500 0.0L10000 0.0");
        assert_eq!(drawing.lines[0].label, "corp");
        assert_eq!(drawing.caption, "members");
        assert_eq!(drawing.lines[1].points[0].tells, "<cloud>, 2026-01-02: 1");
        let page = drawing.render().unwrap();
        assert!(page.contains("&#60;cloud&#62;") && !page.contains("<cloud>"), "{page}");
    }

    #[test]
    fn one_point_is_drawn_and_none_is_said() {
        let one = series(&[(0, None, Cell::Integer(5))]);
        assert_eq!((one.lines[0].points[0].x.as_str(), one.lines[0].label.as_str()), ("50.00%", "members"));
        assert!(one.lines[0].points[0].shown && one.times.len() > 1);
        for rows in [&[][..], &[(0, None, Cell::Null)], &[(0, None, Cell::Real(f64::NAN))]] {
            let page = series(rows).render().unwrap();
            assert!(page.contains("there are no values to draw") && !page.contains("<svg"), "{page}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_drawn() {
        let rows: Vec<_> = (0..POINTS as i64).map(|day| (day, None, Cell::Integer(day))).collect();
        let drawing = series(&rows);
        assert!(drawing.instead.is_empty() && drawing.lines[0].points.iter().all(|point| !point.shown));
        let rows: Vec<_> = (0..2 * POINTS as i64).map(|day| (day, None, Cell::Integer(day))).collect();
        assert_eq!(series(&rows).instead, "No chart: the rows have more than 10,000 values to draw.");
        let sites: Vec<String> = (0..=LINES).map(|site| site.to_string()).collect();
        let rows: Vec<_> = sites.iter().map(|site| (0, Some(site.as_str()), Cell::Integer(1))).collect();
        assert_eq!(series(&rows).instead, "No chart: the rows would make more than 64 lines.");
        let drawing = series(&rows[..LINES]);
        let looks: std::collections::BTreeSet<_> = drawing.lines.iter().map(|line| (line.colour, line.dash)).collect();
        assert_eq!(looks.len(), LINES);
    }
}
