//! JSON that a client sends.

use serde::Deserialize;

/// Reads a JSON object.
///
/// # Errors
/// What is wrong with it, without its text.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    // The fields of a record are taken from an array too, in their order, and that is not what is meant.
    match serde_json::from_slice(json) {
        Ok(_) if json.trim_ascii_start().first() != Some(&b'{') => Err("it is no JSON object".to_owned()),
        read => read.map_err(|error| category(&error)),
    }
}

/// What is wrong with JSON, without its text.
pub(super) fn category(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Eof => "it ends in the middle",
        _ => "it is no JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Named {
        name: String,
    }

    #[test]
    fn an_object_is_one() {
        assert_eq!(object::<Named>(br#" {"name":"x"}"#).unwrap().name, "x");
        for (json, why) in [
            (r#"["x"]"#, "no JSON object"),
            (r#"{"name":"secret""#, "ends in the middle"),
            (r#"{"name":7}"#, "another type"),
            ("secret", "no JSON"),
        ] {
            let told = object::<Named>(json.as_bytes()).unwrap_err();
            assert!(told.contains(why) && !told.contains("secret"), "{json}: {told}");
        }
    }
}
