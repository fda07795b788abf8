//! What `/metrics` said, as values by series.

use std::collections::{BTreeMap, BTreeSet};

use super::Served;
use super::served::until;

/// The values of one answer.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub text: String,
    /// By the series as it is written: `name{label="value"}`.
    values: BTreeMap<String, f64>,
}

impl Page {
    /// Asks for it.
    #[track_caller]
    pub fn of(service: &Served) -> Self {
        let answer = service.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::parse(&answer.body)
    }

    /// Reads Prometheus' text format.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        };
        Self { text: text.to_owned(), values: samples.map(sample).collect() }
    }

    /// Waits until a value is this.
    #[track_caller]
    pub fn until(service: &Served, series: &str, value: f64) -> Self {
        until(|| {
            let page = Self::of(service);
            match page.get(series) {
                Some(found) if found == value => Ok(page),
                found => Err(format!("{series} is {found:?}, not {value}\n{}\n{}", page.text, service.said())),
            }
        })
    }

    /// The value of a series, if it is there.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.values.get(series).copied()
    }

    /// The value of a series that must be there.
    #[track_caller]
    pub fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("{series} is not there:\n{}", self.text))
    }

    /// All series.
    pub fn series(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(series, value)| (series.as_str(), *value))
    }

    /// The names of all metrics.
    pub fn names(&self) -> BTreeSet<String> {
        self.values.keys().map(|series| series.split('{').next().unwrap().to_owned()).collect()
    }
}
