//! The page about monitoring, `docs/monitoring.md`: the metrics and the alert rules as they are shipped.

use std::fmt::Write;

use super::metrics::{ALL, Kind};

const PAGE: &str = include_str!("reference.md");
const RULES: &str = include_str!("../../monitoring/alerts.yml");

/// The text of `docs/monitoring.md`.
pub fn reference() -> String {
    PAGE.replace("{metrics}\n", &metrics()).replace("{alerts}\n", &alerts())
}

fn metrics() -> String {
    let mut table = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in ALL {
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(table, "| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.help);
    }
    table
}

/// The rules, from the lines that each of them has: its name, how bad it is, how long it must hold, what it says.
fn alerts() -> String {
    let mut table = "| alert | severity | after | meaning |\n|---|---|---|---|\n".to_owned();
    for rule in RULES.split("- alert: ").skip(1) {
        let value = |key: &str| {
            let line = rule.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
            line.unwrap_or_default().trim_matches('"')
        };
        let name = rule.lines().next().unwrap_or_default();
        let after = if value("for").is_empty() { "at once" } else { value("for") };
        let _ = writeln!(table, "| `{name}` | {} | {after} | {} |", value("severity"), value("description"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring.md");

    #[test]
    fn the_page_is_what_is_shipped() {
        let page = reference();
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(FILE, &page).unwrap();
        }
        let committed = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(committed == page, "docs/monitoring.md is out of date: run `make docs`");
    }

    #[test]
    fn every_rule_is_explained() {
        let table = alerts();
        assert_eq!(table.lines().count() - 2, RULES.matches("expr:").count());
        assert!(!table.contains("|  |"), "{table}");
    }
}
