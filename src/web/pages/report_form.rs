//! What is asked of a report in an address, and the form that asks it.

use super::report_pager::wanted;
use super::show::escaped;
use crate::model::Timestamp;
use crate::report::{self, Order, Parameter, ParameterKind, Report, Request};
use crate::web::asked::{AS_OF, Asked};
use crate::web::refusal::Refusal;

const SITE: &str = "site";
const SORT: &str = "sort";
const ORDER: &str = "order";
const PAGE: &str = "page";
/// `param=days=180`, as on the command line.
const PARAM: &str = "param";
const DESCENDING: &str = "desc";

/// What is asked of a report, as it was asked: it need not be possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub sites: Vec<String>,
    pub as_of: Option<String>,
    /// `name=value`
    pub parameters: Vec<String>,
    pub order: Option<Order>,
    pub page: u64,
    /// What cannot be meant.
    pub mistake: Option<String>,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// In the address.
    pub name: String,
    /// For readers.
    pub label: String,
    /// The type of the input.
    pub kind: &'static str,
    pub value: String,
    /// What it is when it is empty.
    pub otherwise: String,
    pub least: String,
    pub most: String,
    pub hint: String,
}

impl Question {
    /// What the query asks of this report.
    pub fn of(mut asked: Asked, report: &Report) -> Self {
        let mut mistake = None;
        let mut noted = |refusal: Refusal| {
            mistake.get_or_insert(refusal.message);
        };
        let mut one = |name: &str| asked.take(name).map_err(&mut noted).unwrap_or_default();
        let (as_of, sort, order) = (one(AS_OF), one(SORT), one(ORDER));
        let page = asked.take_number(PAGE).and_then(|page| wanted(PAGE, page)).map_err(&mut noted).unwrap_or(1);
        let descending = match order.as_deref() {
            None | Some("asc") => false,
            Some(DESCENDING) => true,
            Some(_) => {
                noted(Refusal::bad("order is asc or desc"));
                false
            }
        };
        let sites = asked.take_all(SITE);
        let mut parameters = asked.take_all(PARAM);
        for parameter in &report.parameters {
            let given = asked.take_all(&field_name(parameter));
            parameters.extend(given.iter().map(|value| format!("{}={value}", parameter.name)));
        }
        // The report says that it takes no such thing, and what it takes.
        parameters.extend(asked.rest().iter().map(|(name, value)| format!("{name}={value}")));
        let order = sort.map(|column| Order { column, descending });
        Self { sites, as_of, parameters, order, page, mistake }
    }

    /// What to ask, now.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn request(&self, now: Timestamp) -> Result<Request, String> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let moment = report::moment(self.as_of.as_deref(), now);
        let (as_of, past) = moment.map_err(|why| format!("{AS_OF}: {why}"))?;
        Ok(Request { sites: self.sites.clone(), as_of, past, parameters: self.parameters.clone(), sift: None })
    }

    /// The query of the same question without order and page, and of these besides: `?days=90&page=2`.
    pub fn query(&self, report: &Report, besides: &[(&str, &str)]) -> String {
        let mut pairs: Vec<(String, &str)> = Vec::new();
        pairs.extend(self.sites.iter().map(|site| (SITE.to_owned(), site.as_str())));
        for given in &self.parameters {
            let own = given.split_once('=').and_then(|(name, value)| {
                let parameter = report.parameters.iter().find(|parameter| parameter.name == name)?;
                Some((field_name(parameter), value)).filter(|(_, value)| !value.is_empty())
            });
            pairs.push(own.unwrap_or((PARAM.to_owned(), given)));
        }
        pairs.extend(self.as_of.iter().map(|as_of| (AS_OF.to_owned(), as_of.as_str())));
        pairs.extend(besides.iter().map(|(name, value)| ((*name).to_owned(), *value)));
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    /// The query of another page of the same.
    pub fn paged(&self, report: &Report, page: u64) -> String {
        let page = page.to_string();
        let mut besides = self.order.as_ref().map(sorting).unwrap_or_default();
        if page != "1" {
            besides.push((PAGE, &page));
        }
        self.query(report, &besides)
    }

    /// The query of the same in another order, from its beginning.
    pub fn sorted(&self, report: &Report, order: &Order) -> String {
        self.query(report, &sorting(order))
    }

    /// The value of a parameter, as it was given last.
    fn given(&self, parameter: &Parameter) -> Option<&str> {
        let pairs = self.parameters.iter().rev().filter_map(|given| given.split_once('='));
        pairs.filter(|(name, _)| *name == parameter.name).map(|(_, value)| value).next()
    }

    /// The fields of the form for its parameters.
    pub fn fields(&self, report: &Report) -> Vec<Field> {
        report.parameters.iter().map(|parameter| field(parameter, self.given(parameter))).collect()
    }

    /// The field for the moment.
    pub fn moment(&self, now: Timestamp) -> Field {
        let value = self.as_of.clone().unwrap_or_default();
        Field {
            name: AS_OF.to_owned(),
            label: "As of".to_owned(),
            kind: date_or_text(&value),
            value,
            otherwise: String::new(),
            least: String::new(),
            most: now.to_sql()[..10].to_owned(),
            hint: "the end of that day, UTC; empty: now".to_owned(),
        }
    }
}

fn sorting(order: &Order) -> Vec<(&str, &str)> {
    let mut pairs = vec![(SORT, order.column.as_str())];
    if order.descending {
        pairs.push((ORDER, DESCENDING));
    }
    pairs
}

/// What a parameter is called in an address: its name, unless that has a meaning there.
fn field_name(parameter: &Parameter) -> String {
    match [SITE, SORT, ORDER, PAGE, PARAM].contains(&parameter.name.as_str()) {
        true => format!("{PARAM}.{}", parameter.name),
        false => parameter.name.clone(),
    }
}

/// A picker of dates holds dates alone.
fn date_or_text(value: &str) -> &'static str {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_date = value.len() == 10 && value.split('-').map(str::len).eq([4, 2, 2]) && value.split('-').all(digits);
    if is_date || value.is_empty() { "date" } else { "text" }
}

fn field(parameter: &Parameter, given: Option<&str>) -> Field {
    let value = given.unwrap_or_default().to_owned();
    // An input for numbers shows no text that is none, and what was given is to be seen.
    let number = if value.is_empty() || value.trim().parse::<i64>().is_ok() { "number" } else { "text" };
    let (kind, least, most) = match &parameter.kind {
        ParameterKind::Days { .. } => (number, "0".to_owned(), report::parameter::DAYS_MAX.to_string()),
        ParameterKind::Integer { min, max, .. } => {
            let most = if *max == i64::MAX { String::new() } else { max.to_string() };
            (number, min.to_string(), most)
        }
        ParameterKind::Time { .. } => (date_or_text(&value), String::new(), String::new()),
        ParameterKind::Group | ParameterKind::Names { .. } | ParameterKind::Text { .. } => {
            ("text", String::new(), String::new())
        }
    };
    let otherwise = parameter.default_text();
    let hint = format!("{}; empty: {otherwise}", parameter.meaning);
    Field {
        name: field_name(parameter),
        label: parameter.name.replace('_', " "),
        kind,
        value,
        otherwise,
        least,
        most,
        hint: hint.trim_start_matches("; ").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::registry;

    fn question(name: &str, query: &str) -> Question {
        Question::of(Asked::of(&format!("/x?{query}").parse().unwrap()), registry::find(name).unwrap())
    }

    #[test]
    fn parameters_have_their_own_names_and_are_understood_as_on_the_command_line() {
        let report = registry::find("inactive").unwrap();
        for query in
            ["days=180&site=a&site=b&as-of=2026-01-31", "param=days%3D180&site=a&site=b&as-of=2026-01-31&sort="]
        {
            let asked = question("inactive", query);
            assert_eq!(asked.parameters, ["days=180"]);
            assert_eq!(asked.sites, ["a", "b"]);
            assert_eq!(asked.query(report, &[]), "?site=a&site=b&days=180&as-of=2026%2D01%2D31");
            assert_eq!(asked.fields(report)[0].value, "180");
        }
        assert_eq!(question("inactive", "days=").query(report, &[]), "");
        assert_eq!(question("inactive", "dasy=1&days=2").parameters, ["days=2", "dasy=1"], "the report refuses it");
    }

    #[test]
    fn order_and_page_are_kept_from_page_to_page() {
        let report = registry::find("inactive").unwrap();
        let asked = question("inactive", "sort=name&order=desc&page=3&days=a%26b");
        assert_eq!(asked.order, Some(Order { column: "name".to_owned(), descending: true }));
        assert_eq!((asked.page, asked.mistake.clone()), (3, None));
        assert_eq!(asked.paged(report, 4), "?days=a%26b&sort=name&order=desc&page=4");
        let order = Order { column: "a&b".to_owned(), descending: false };
        assert_eq!(asked.sorted(report, &order), "?days=a%26b&sort=a%26b");
        assert_eq!(asked.fields(report)[0].kind, "text", "what was given is seen");
    }

    #[test]
    fn what_cannot_be_meant_is_told_and_the_rest_is_kept() {
        for query in ["order=up", "page=0", "page=x", "as-of=2026-01-01&as-of=2026-01-02"] {
            let asked = question("inactive", &format!("days=7&{query}"));
            assert!(asked.mistake.is_some(), "{query}");
            assert_eq!(asked.parameters, ["days=7"]);
        }
    }

    #[test]
    fn a_date_is_picked_and_a_time_is_written() {
        assert_eq!(date_or_text("2026-01-31"), "date");
        assert_eq!(date_or_text(""), "date");
        assert_eq!(date_or_text("2026-01-31T00:00:00Z"), "text");
        assert_eq!(date_or_text("yesterday!"), "text");
    }
}
