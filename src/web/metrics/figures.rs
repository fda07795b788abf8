//! The values of one answer, and how they are written.

use std::collections::HashMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::catalogue::{ALL, Kind, Metric};
use crate::model::Timestamp;

/// The labels of one value.
type Labels = Vec<(&'static str, String)>;

/// Values, by the names of their metrics.
#[derive(Debug, Default)]
pub(super) struct Figures(HashMap<&'static str, Vec<(Labels, f64)>>);

impl Figures {
    /// The value for these labels, in the order of the metric's.
    pub fn set(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let labels = metric.labels.iter().copied().zip(labels.iter().map(|label| (*label).to_owned())).collect();
        self.0.entry(metric.name).or_default().push((labels, value));
    }

    /// 1 or 0.
    pub fn flag(&mut self, metric: &'static Metric, labels: &[&str], holds: bool) {
        self.set(metric, labels, f64::from(u8::from(holds)));
    }

    /// A moment in seconds since the epoch, where there is one.
    pub fn moment(&mut self, metric: &'static Metric, labels: &[&str], at: Option<Timestamp>) {
        if let Some(at) = at {
            self.set(metric, labels, at.millis() as f64 / 1000.0);
        }
    }

    /// A number, where there is one.
    pub fn count(&mut self, metric: &'static Metric, labels: &[&str], count: impl Into<Option<i64>>) {
        if let Some(count) = count.into() {
            self.set(metric, labels, count as f64);
        }
    }

    /// The text that Prometheus reads.
    pub fn text(self) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register_collector(Box::new(self));
        // A string takes whatever is written.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in ALL {
            let Some(values) = self.0.get(metric.name) else { continue };
            let (kind, name) = match metric.kind {
                Kind::Gauge => (MetricType::Gauge, metric.name),
                // The encoder appends what every counter's name ends in.
                Kind::Counter => (MetricType::Counter, metric.name.trim_end_matches("_total")),
            };
            let mut family = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for (labels, value) in values {
                let mut one = family.encode_family(labels)?;
                match metric.kind {
                    Kind::Gauge => one.encode_gauge(value)?,
                    Kind::Counter => one.encode_counter::<NoLabelSet, f64, f64>(value, None)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{BUILD_INFO, CHANGES, STARTED};
    use super::*;

    #[test]
    fn what_prometheus_reads() {
        let mut figures = Figures::default();
        figures.count(&CHANGES, &["corp", "user.created"], 5_000_000_000);
        figures.set(&BUILD_INFO, &["a\"b\\c\n"], 1.0);
        figures.moment(&STARTED, &[], Some(Timestamp::parse_human("2026-01-31T08:15:00.007Z").unwrap()));
        let help = |metric: &Metric| format!("# HELP {} {}\n", metric.name, metric.help);
        let expected = [
            help(&BUILD_INFO),
            "# TYPE rollbook_build_info gauge\nrollbook_build_info{version=\"a\\\"b\\\\c\\n\"} 1.0\n".to_owned(),
            help(&STARTED),
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1769847300.007\n".to_owned(),
            help(&CHANGES),
            "# TYPE rollbook_changes_total counter\n".to_owned(),
            "rollbook_changes_total{site=\"corp\",kind=\"user.created\"} 5000000000.0\n".to_owned(),
        ];
        assert_eq!(figures.text(), expected.concat());
    }

    #[test]
    fn names_are_those_of_prometheus() {
        let mut seen = std::collections::HashSet::new();
        for metric in ALL {
            let Metric { name, kind, labels, help } = metric;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.starts_with("rollbook_") || *name == "process_start_time_seconds", "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(
                help.ends_with('.') && help.starts_with(|first: char| first.is_ascii_uppercase() || first == '1'),
                "{name}"
            );
            // Prometheus itself labels what it scraped with these.
            assert!(!labels.iter().any(|label| ["job", "instance", "le", "quantile"].contains(label)), "{name}");
        }
    }
}
