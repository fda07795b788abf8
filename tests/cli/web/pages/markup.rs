//! A page as it arrives: whether it is sound, and what stands in it.

use std::collections::BTreeSet;

use crate::web::Served;

/// Elements without an end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "img", "hr"];

/// Asks for a page, which must be there and be sound.
#[track_caller]
pub fn page(service: &Served, path: &str) -> String {
    let answer = service.ask("GET", path, "Accept: text/html\r\n");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert!(answer.head.contains("content-type: text/html"), "{answer:?}");
    is_sound(&answer.body);
    answer.body
}

/// The status of an address, whose page must be sound whatever it says.
#[track_caller]
pub fn status(service: &Served, path: &str) -> u16 {
    let answer = service.ask("GET", path, "Accept: text/html\r\n");
    is_sound(&answer.body);
    answer.status
}

/// What stands between each `from` and the next `to`.
pub fn between<'p>(page: &'p str, from: &str, to: &str) -> Vec<&'p str> {
    page.split(from).skip(1).map(|rest| rest.split(to).next().unwrap()).collect()
}

/// What a reader sees: without elements, and with the characters that are escaped.
pub fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<').enumerate() {
        match part {
            (0, part) => text.push_str(part),
            (_, part) => text.push_str(part.split_once('>').map_or("", |(_, text)| text)),
        }
    }
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    escapes.into_iter().fold(text, |text, (escaped, plain)| text.replace(escaped, plain)).trim().to_owned()
}

/// The figure of this name on a page.
#[track_caller]
pub fn figure(page: &str, name: &str) -> String {
    let found = between(page, &format!("<dt>{name}</dt><dd>"), "</dd>");
    assert!(!found.is_empty(), "no figure {name}:\n{page}");
    text(found[0])
}

/// Elements are nested, ids differ, headings go down by one, tables and inputs have names.
#[track_caller]
pub fn is_sound(page: &str) {
    let (mut open, mut ids, mut level): (Vec<&str>, _, _) = (Vec::new(), BTreeSet::new(), 0);
    for (at, _) in page.match_indices('<') {
        let element = &page[at + 1..at + page[at..].find('>').expect("an element ends")];
        let name = element.split([' ', '/', '\n']).find(|part| !part.is_empty()).unwrap_or_default();
        let handles = |part: &str| part.starts_with("on") && part.contains('=');
        assert!(name != "script" && !element.split(' ').any(handles), "a script: {element}");
        if element.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before {}", &page[at..]);
            continue;
        }
        if let Some(id) = attribute(element, "id") {
            assert!(ids.insert(id), "the id {id} twice");
        }
        if let Some(heading) = name.strip_prefix('h').and_then(|level| level.parse::<u32>().ok()) {
            assert!(heading <= level + 1, "h{heading} after h{level}");
            level = heading;
        }
        if name == "table" {
            assert!(
                page[at..].trim_start_matches(|c| c != '>')[1..].trim_start().starts_with("<caption>"),
                "{element}"
            );
        }
        if name == "select" || (name == "input" && attribute(element, "type") != Some("hidden")) {
            let labelled = attribute(element, "id").is_some_and(|id| page.contains(&format!("<label for=\"{id}\"")));
            assert!(labelled || open.contains(&"label") || element.contains("aria-label="), "no label: {element}");
        }
        if !element.starts_with('!') && !element.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    for broken in ["href=\"\"", "{{", "{%"] {
        assert!(!page.contains(broken), "{broken}");
    }
}

fn attribute<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    element.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}
