//! What stands in a page.

use rollbook::render::visible;
use serde_json::Value;

use crate::support::World;
use crate::web::served::Answer;
use crate::web::{Served, listening};

/// A service whose site has been walked, and the moment of that walk.
pub fn walked(world: World) -> (World, Served, String) {
    let world = listening(world, "");
    let service = Served::start(&world);
    service.until_walked();
    let moment = world.one("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(at)) FROM walks");
    (world, service, moment)
}

/// Asks as a browser does.
#[track_caller]
pub fn look(service: &Served, path: &str) -> Answer {
    let answer = service.ask("GET", path, "Accept: text/html\r\n");
    assert!(answer.head.contains("content-type: text/html; charset=utf-8"), "{path}: {answer:?}");
    assert!(answer.body.contains("<html lang=\"en\">") && answer.body.ends_with("</html>"), "{path}: {answer:?}");
    assert!(!answer.body.contains("<script"), "{path}");
    answer
}

/// The page, which is there.
#[track_caller]
pub fn page(service: &Served, path: &str) -> String {
    let answer = look(service, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// What an element's text is for a reader.
pub fn text(html: &str) -> String {
    let mut plain = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .into_iter()
        .fold(plain, |plain, (escaped, raw)| plain.replace(escaped, raw))
        .trim()
        .to_owned()
}

/// The cells of the table with this caption, row by row.
pub fn cells(page: &str, caption: &str) -> Vec<Vec<String>> {
    let Some((_, table)) = page.split_once(&format!("<caption>{caption}")) else { return Vec::new() };
    let body = table.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let row = |row: &str| row.split("<td").skip(1).map(|cell| text(cell.split_once('>').unwrap().1)).collect();
    body.split("</tr>").filter(|row| row.contains("<td")).map(row).collect()
}

/// The addresses of the links whose text this is.
pub fn links(page: &str, words: &str) -> Vec<String> {
    let links = page.split("<a ").skip(1).filter_map(|link| {
        let (tag, rest) = link.split_once('>')?;
        let inside = rest.split_once("</a>")?.0;
        let address = tag.split_once("href=\"")?.1.split_once('"')?.0;
        (text(inside) == words).then(|| address.replace("&amp;", "&").replace("&#38;", "&"))
    });
    links.collect()
}

/// A value of JSON as the cells show it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        Value::String(text) if is_time(text) => text[..19].replace('T', " "),
        Value::String(text) => visible(text).trim().to_owned(),
        other => panic!("{other}"),
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 24
        && text.ends_with('Z')
        && text.as_bytes()[10] == b'T'
        && text.starts_with(|c: char| c.is_ascii_digit())
}

/// The rows of a report as the command line tells them, cell by cell in the order of the columns.
#[track_caller]
pub fn told(world: &World, arguments: &[&str]) -> (Vec<String>, Vec<Vec<Value>>) {
    let csv = world.run(&[arguments, &["--format", "csv"]].concat()).exits(0).stdout;
    let names: Vec<String> = csv.lines().next().unwrap().split(',').map(str::to_owned).collect();
    let document = world.run(&[arguments, &["--format", "json"]].concat()).exits(0).json();
    let rows = document["rows"].as_array().unwrap().iter();
    let rows = rows.map(|row| names.iter().map(|name| row[name].clone()).collect()).collect();
    (names, rows)
}
