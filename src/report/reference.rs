//! The reference page of the reports, `docs/reports.md`, from their declarations.

use std::fmt::Write;

use super::declaration::{Report, ReportColumn, user_columns};
use super::registry;

const INTRODUCTION: &str = include_str!("reference.md");

/// The text of `docs/reports.md`.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Columns of every report about users\n");
    columns(&mut page, &user_columns());
    page.push_str("\n## The reports\n");
    for report in registry::built_in() {
        describe(&mut page, report, "report");
    }
    page.push_str("\n## The tables that `rollbook export` writes\n");
    for table in registry::exports() {
        describe(&mut page, table, "export");
    }
    page
}

fn describe(page: &mut String, report: &Report, what: &str) {
    let name = match (what, report.name.as_str()) {
        ("export", "user-export") => "export users --layout user-export",
        ("export", name) => &format!("export {name}"),
        (_, name) => name,
    };
    let _ = write!(page, "\n### `{name}`\n\n**{}.** {}\n", report.title, report.description);
    if report.every_site {
        page.push_str("\nIt rests on every site; `--site` chooses among its rows.\n");
    }
    if !report.parameters.is_empty() {
        page.push_str("\n| parameter | takes | default | meaning |\n|---|---|---|---|\n");
    }
    for parameter in &report.parameters {
        let (takes, default) = (parameter.takes(), parameter.default_text().replace(',', ", "));
        let _ = writeln!(page, "| `{}` | {takes} | {default} | {} |", parameter.name, parameter.meaning);
    }
    let shared = user_columns();
    match report.columns.strip_prefix(shared.as_slice()) {
        Some(own) => columns(page, own),
        None => columns(page, &report.columns),
    }
}

fn columns(page: &mut String, columns: &[ReportColumn]) {
    if columns.is_empty() {
        return;
    }
    page.push_str("\n| column | type | meaning |\n|---|---|---|\n");
    for column in columns {
        let unit = column.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
        let _ = writeln!(page, "| `{}` | {}{unit} | {} |", column.name, column.kind.as_str(), column.meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_declarations() {
        const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reports.md");
        let page = reference();
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(PAGE, &page).unwrap();
        }
        let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(committed == page, "docs/reports.md is out of date: run `make docs`");
    }
}
