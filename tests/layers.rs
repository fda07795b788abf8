//! Imports point down: which folder of `src/` may use which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate, and those it may use. Whatever is not listed may not be used.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("files", &[]),
    ("config", &["clock", "model"]),
    ("confluence", &["clock", "config", "model"]),
    ("store", &["clock", "config", "files", "model"]),
    ("render", &["model"]),
    ("telemetry", &["clock", "config", "render"]),
    ("simulator", &["clock", "model"]),
    ("sync", &["clock", "config", "confluence", "model", "store"]),
    ("report", &["clock", "config", "model", "render", "store"]),
    ("daemon", &["clock", "config", "files", "model", "render", "report", "store", "sync"]),
    ("doctor", &["clock", "config", "confluence", "model", "render", "store"]),
    ("web", &["clock", "config", "daemon", "model", "render", "report", "store"]),
    (
        "cli",
        &[
            "clock",
            "config",
            "confluence",
            "daemon",
            "files",
            "doctor",
            "model",
            "render",
            "report",
            "simulator",
            "store",
            "sync",
            "telemetry",
            "web",
        ],
    ),
];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The modules named behind `crate::` in a line of code, also in a group: `use crate::{config, model::UserId};`.
fn named(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        // `$crate::` of a macro is this crate too; `other_crate::` is another.
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[at + path.len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (place, letter) in group.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ if letter.is_whitespace() => {}
                        _ if start => {
                            modules.push(word(&group[place..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    modules
}

/// The text without its comments: a link in a doc comment is no import.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        seen.insert(module.to_owned());
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            wrong.insert(format!("src/{first}: give it a place in LAYERS"));
            continue;
        };
        for used in named(&code(&fs::read_to_string(&file).unwrap())) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.insert(format!("{} uses {used}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up or sideways: {wrong:#?}");
    let listed: BTreeSet<String> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, listed, "LAYERS lists what is not there");
}

#[test]
fn the_table_of_layers_is_in_order() {
    for (index, (module, allowed)) in LAYERS.iter().enumerate() {
        for used in *allowed {
            let place = LAYERS.iter().position(|(name, _)| name == used);
            assert!(place.is_some_and(|place| place < index), "{module} may use {used}, which is not below it");
        }
    }
}

#[test]
fn every_way_of_naming_a_module_is_found() {
    assert_eq!(named("use crate::model::{UserId, Status};"), ["model"]);
    assert_eq!(named("use crate::{\n    config::{self, Site},\n    model::UserId,\n};"), ["config", "model"]);
    assert_eq!(named("fn f(x: crate::store::Store) -> crate::model::UserId"), ["store", "model"]);
    assert!(named("use other_crate::model;").is_empty());
    assert!(named(&code("/// See [`crate::sync`].\nlet x = 1; // crate::cli")).is_empty());
}
