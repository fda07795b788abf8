//! The dashboard that is shipped: what Grafana needs to load it, and that it asks for what is there.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::promtool::{promtool, shipped};
use super::rules::named;

fn dashboard() -> Value {
    serde_json::from_str(&std::fs::read_to_string(shipped("grafana.json")).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// The expressions of all panels and annotations, as Prometheus gets them.
fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let asked = targets.chain(annotations).filter_map(|asked| asked["expr"].as_str());
    asked.map(|expr| expr.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$site", ".*")).collect()
}

#[test]
fn every_panel_has_its_place() {
    let dashboard = dashboard();
    assert!(
        dashboard["id"].is_null() && dashboard["uid"].is_string() && dashboard["schemaVersion"].as_i64() >= Some(36)
    );
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().filter(|title| !title.is_empty()).unwrap();
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{title}: its id is another's");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies over another at {cell:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["stat", "timeseries", "table"].contains(&panel["type"].as_str().unwrap()), "{title}");
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}: it is not explained");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} asks nothing");
        let refs: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), targets.len(), "{title}");
        for asked in targets.iter().chain([panel]) {
            assert_eq!(asked["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn every_variable_is_declared() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let declared: BTreeSet<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(declared, ["datasource", "instance", "site"].into());
    let source = variables.iter().find(|variable| variable["name"] == "datasource").unwrap();
    assert_eq!((&source["type"], &source["query"]), (&Value::from("datasource"), &Value::from("prometheus")));
    for expr in expressions(&dashboard) {
        assert!(!expr.contains('$'), "{expr}");
    }
}

#[test]
fn every_expression_is_one_and_asks_for_what_is_there() {
    let dashboard = dashboard();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 30);
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (n, expr) in expressions.iter().enumerate() {
        writeln!(rules, "  - record: expression:{n}\n    expr: {}", serde_json::to_string(expr).unwrap()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, rules).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()], "");
    let known = rollbook::web::reference();
    let all = named(&dashboard.to_string());
    for name in &all {
        assert!(known.contains(&format!("| `{name}` |")), "there is no metric {name}");
    }
    assert!(all.len() > 30, "{all:?}");
}
