//! The man page of the configuration file, `rollbook.toml.5`, from the same text and table as the reference page.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::keys::{KEYS, TABLES};
use super::reference::{INTRODUCTION, default_of, heading, type_of};

/// The text of `rollbook.toml.5`.
pub fn man_page() -> String {
    let mut roff = Roff::new();
    let source = concat!("rollbook ", env!("CARGO_PKG_VERSION"));
    // Undated; an empty argument would be left out, and the others shift.
    roff.control("TH", ["rollbook.toml", "5", " ", source, "Rollbook"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("rollbook.toml - which Confluence sites are mirrored, how, and where to")]);
    roff.control("SH", ["DESCRIPTION"]);
    let paragraphs = INTRODUCTION.split("\n\n").filter(|text| !text.starts_with("# ") && !text.starts_with("<!--"));
    for paragraph in paragraphs {
        roff.control("PP", []);
        roff.text(inlines(&paragraph.trim().replace('\n', " ")));
    }
    for (table, doc) in TABLES {
        roff.control("SH", [heading(table).as_str()]);
        roff.text(inlines(doc));
        for key in KEYS.iter().filter(|key| key.path.rsplit_once('.').is_some_and(|(above, _)| above == *table)) {
            let name = key.path.rsplit('.').next().unwrap_or(key.path);
            roff.control("TP", []);
            roff.text([bold(name)]);
            let default = match key.required {
                Some(_) => default_of(key).replacen("required", "Required", 1),
                None => format!("Default: {}", default_of(key)),
            };
            roff.text(inlines(&format!("{} Type: {}. {default}.", key.doc, type_of(key.kind))));
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("rollbook"), roman("(1)")]);
    roff.render()
}

/// A paragraph of the Markdown that keys are described in: what stands in backquotes or is strong becomes bold.
pub fn inlines(markdown: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for (at, part) in markdown.split('`').enumerate() {
        if at % 2 == 1 {
            inlines.push(bold(part));
            continue;
        }
        let strong = part.split("**").enumerate().filter(|(_, part)| !part.is_empty());
        inlines.extend(strong.map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) }));
    }
    inlines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_words_are_bold() {
        let expected = vec![bold("Paths."), roman(" As "), bold("a/**/b"), roman(" is.")];
        assert_eq!(inlines("**Paths.** As `a/**/b` is."), expected);
    }

    #[test]
    fn every_key_is_on_the_page_with_its_default() {
        let page = man_page();
        for key in KEYS {
            let name = key.path.rsplit('.').next().unwrap();
            assert!(page.contains(&format!("\\fB{name}\\fR")), "{name}");
        }
        assert!(page.contains(".SH [sites.ID.limits]") && page.contains("Default: \\fB1000\\fR."), "{page}");
        assert!(!page.contains('`') && !page.contains("<!--"), "{page}");
    }
}
