//! Right answers bent into wrong ones that are still JSON.

use serde_json::{Map, Value, json};

/// A `total` that lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// This much more or less than there is, not below 0.
    Off(i64),
    /// This, whatever there is.
    Is(u64),
    /// One more with every page.
    Moves,
}

/// What is wrong with one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowBend {
    /// Lists in lists, 200 deep, where the business profile or the groups stand.
    Deep,
    /// U+0000 in the name and the full name.
    Nul,
    /// A name of a megabyte.
    Huge,
    /// This field holds a number, an `email` an object.
    WrongType(String),
    /// This field is not there; in a list of bare names `null` stands in its place.
    Missing(String),
    /// The record has the key of the one before it, or its name where there are no keys.
    SameKey,
}

impl Total {
    pub(super) fn bend(self, body: String, seen: u32) -> String {
        // As Data Center's apps call it, and as Cloud does.
        let fields = [r#""total":"#, r#""totalSize":"#];
        let found = fields.into_iter().find_map(|field| body.find(field).map(|at| at + field.len()));
        let Some(start) = found else { return body };
        let digits = body[start..].bytes().take_while(u8::is_ascii_digit).count();
        let Ok(right) = body[start..start + digits].parse::<u64>() else { return body };
        let told = match self {
            Self::Off(by) => right.saturating_add_signed(by),
            Self::Is(total) => total,
            Self::Moves => right + u64::from(seen),
        };
        format!("{}{told}{}", &body[..start], &body[start + digits..])
    }
}

impl RowBend {
    pub(super) fn bend(&self, body: String) -> String {
        let Ok(Value::Object(mut page)) = serde_json::from_str(&body) else { return body };
        match rows(&mut page) {
            Some(rows) => {
                let middle = rows.len() / 2;
                let before = middle.checked_sub(1).map(|before| rows[before].clone());
                match rows.get_mut(middle) {
                    // What a search finds of a user stands one level deeper.
                    Some(Value::Object(row)) => match (row.get_mut("user"), &before) {
                        (Some(Value::Object(user)), before) => {
                            self.bend_record(user, before.as_ref().and_then(|before| before.get("user")));
                        }
                        _ => self.bend_record(row, before.as_ref()),
                    },
                    Some(name) => self.bend_name(name, before.as_ref()),
                    None => return body,
                }
            }
            None => self.bend_record(&mut page, None),
        }
        Value::Object(page).to_string()
    }

    fn bend_record(&self, row: &mut Map<String, Value>, before: Option<&Value>) {
        // User Export calls the name `username`, and knows no keys; Cloud has other words, and a group has an id.
        let called = |names: &[&'static str]| names.iter().copied().find(|name| row.contains_key(*name));
        let name = called(&["username", "publicName", "nickname"]).unwrap_or("name");
        let full_name =
            called(&["fullName", "displayName"]).unwrap_or(if name == "nickname" { "name" } else { "fullName" });
        let key = called(&["key", "accountId", "id"]);
        let list = called(&["username", "profilePicture", "productAccess", "_links"]);
        let field = |field: &str| match field {
            "name" => name.to_owned(),
            "fullName" => full_name.to_owned(),
            "key" => key.unwrap_or("key").to_owned(),
            other => other.to_owned(),
        };
        match self {
            Self::Deep => {
                let list = if list == Some("username") { "groups" } else { list.unwrap_or("business") };
                row.insert(list.to_owned(), deep());
            }
            Self::Nul => {
                for field in [name, full_name] {
                    if let Some(value) = row.get_mut(field) {
                        *value = nul(value);
                    }
                }
            }
            Self::Huge => drop(row.insert(name.to_owned(), huge())),
            Self::WrongType(wrong) if wrong == "email" => drop(row.insert(wrong.clone(), json!({ "is": "odd" }))),
            Self::WrongType(wrong) => drop(row.insert(field(wrong), json!(7))),
            Self::Missing(missing) => drop(row.remove(&field(missing))),
            Self::SameKey => {
                let key = key.unwrap_or(name);
                if let Some(value) = before.and_then(|before| before.get(key)) {
                    row.insert(key.to_owned(), value.clone());
                }
            }
        }
    }

    /// The same to an element that is a name alone, as groups are.
    fn bend_name(&self, name: &mut Value, before: Option<&Value>) {
        *name = match self {
            Self::Deep => deep(),
            Self::Nul => nul(name),
            Self::Huge => huge(),
            Self::WrongType(_) => json!(7),
            Self::Missing(_) => Value::Null,
            Self::SameKey => before.unwrap_or(name).clone(),
        };
    }
}

/// An odd status, and no rows.
pub(super) fn odd_status(body: String) -> String {
    let Ok(Value::Object(mut page)) = serde_json::from_str(&body) else { return body };
    page.insert("status".to_owned(), json!("error"));
    for list in LISTS {
        if let Some(Value::Array(rows)) = page.get_mut(list) {
            rows.clear();
        }
    }
    Value::Object(page).to_string()
}

/// Without the member that holds the rows.
pub(super) fn no_results(body: String) -> String {
    let Ok(Value::Object(mut page)) = serde_json::from_str(&body) else { return body };
    for list in LISTS {
        page.remove(list);
    }
    Value::Object(page).to_string()
}

/// With a cursor to a next page, the same for ever; where there are cursors.
pub(super) fn constant_next(body: String) -> String {
    let Ok(Value::Object(mut page)) = serde_json::from_str(&body) else { return body };
    if let Some(Value::Object(links)) = page.get_mut("links") {
        // No row before it, so that it leads to the first page.
        links.insert("next".to_owned(), json!("302e"));
    }
    Value::Object(page).to_string()
}

/// What lists are called: by Data Center's apps, by Cloud, and by organizations.
const LISTS: [&str; 4] = ["users", "groups", "results", "data"];

fn rows(page: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    let list = LISTS.into_iter().find(|list| page.contains_key(*list))?;
    match page.get_mut(list)? {
        Value::Array(rows) => Some(rows),
        // What one account used, which the organization tells in a member of `data`.
        data => data.get_mut("product_access")?.as_array_mut(),
    }
}

fn deep() -> Value {
    (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

fn huge() -> Value {
    Value::String("x".repeat(1 << 20))
}

/// The text with a NUL behind its first letter.
fn nul(text: &Value) -> Value {
    let mut letters = text.as_str().unwrap_or_default().chars();
    let first = letters.next().map(String::from).unwrap_or_default();
    Value::String(format!("{first}\0{}", letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        r#"{"total":12,"users":[{"name":"ann","key":"k1"},{"name":"bob","key":"k2"}],"status":"success"}"#;

    #[test]
    fn a_total_lies() {
        for (total, told) in [
            (Total::Off(3), "15"),
            (Total::Off(-3), "9"),
            (Total::Off(-30), "0"),
            (Total::Is(7), "7"),
            (Total::Moves, "14"),
        ] {
            let right = PAGE.replace(r#""total":12"#, &format!(r#""total":{told}"#));
            assert_eq!(total.bend(PAGE.to_owned(), 2), right);
        }
        assert_eq!(Total::Is(7).bend(r#"{"users":[]}"#.to_owned(), 1), r#"{"users":[]}"#);
    }

    #[test]
    fn one_record_is_bent() {
        let bent = |bend: RowBend, page: &str| bend.bend(page.to_owned());
        let row = |bend: RowBend| serde_json::from_str::<Value>(&bent(bend, PAGE)).expect("JSON")["users"][1].clone();
        assert_eq!(row(RowBend::Nul), json!({ "name": "b\0ob", "key": "k2" }));
        assert_eq!(row(RowBend::WrongType("name".to_owned())), json!({ "name": 7, "key": "k2" }));
        assert!(row(RowBend::WrongType("email".to_owned()))["email"].is_object());
        assert_eq!(row(RowBend::Missing("key".to_owned())), json!({ "name": "bob" }));
        assert_eq!(row(RowBend::SameKey), json!({ "name": "bob", "key": "k1" }));
        assert_eq!(row(RowBend::Huge)["name"].as_str().map(str::len), Some(1 << 20));

        let deep = bent(RowBend::Deep, PAGE);
        assert!(deep.contains(&"[".repeat(200)) && serde_json::from_str::<Value>(&deep).is_err());

        let groups = r#"{"groups":["a","b","c"]}"#;
        assert_eq!(bent(RowBend::SameKey, groups), r#"{"groups":["a","a","c"]}"#);
        assert_eq!(bent(RowBend::Missing("name".to_owned()), groups), r#"{"groups":["a",null,"c"]}"#);
        let export = r#"{"users":[{"username":"ann"},{"username":"bob"}]}"#;
        assert_eq!(bent(RowBend::Missing("name".to_owned()), export), r#"{"users":[{"username":"ann"},{}]}"#);
        assert_eq!(bent(RowBend::SameKey, export), r#"{"users":[{"username":"ann"},{"username":"ann"}]}"#);
        for unbent in [r#"{"users":[]}"#, "no JSON"] {
            assert_eq!(bent(RowBend::Huge, unbent), unbent);
        }
    }

    #[test]
    fn an_odd_status_has_no_rows() {
        assert_eq!(odd_status(PAGE.to_owned()), r#"{"status":"error","total":12,"users":[]}"#);
    }
}
