//! Records that say what they should not, in every list: told by field and place, and nobody is closed by them.

use super::Kept::{Deleted, Nothing, Team, Unlisted};
use super::{Export, Row, Site, survive};

const OF_THE_USER_LIST: &[Row<'_>] = &[
    Row("JSON too deep", &["deep-json@users"], 3, "partial", &[Unlisted]),
    Row("JSON too deep, on a later page", &["deep-json@users:2+"], 3, "partial", &[Unlisted]),
    Row("a name of a megabyte", &["huge-name@users"], 3, "partial", &[Unlisted]),
    Row("a name of a wrong type", &["wrong-type=name@users"], 3, "partial", &[Unlisted]),
    Row("a key of a wrong type", &["wrong-type=key@users"], 3, "partial", &[Unlisted]),
    Row("an e-mail of a wrong type", &["wrong-type=email@users"], 3, "partial", &[Unlisted]),
    Row("no name", &["missing=name@users"], 3, "partial", &[Unlisted]),
    Row("no key", &["missing=key@users"], 3, "partial", &[Unlisted]),
    Row("no e-mail", &["missing=email@users"], 0, "applied", &[]),
    Row("a key twice", &["same-key@users:2"], 0, "applied", &[]),
];

const OF_GROUPS: &[Row<'_>] = &[
    Row("JSON too deep", &["deep-json@groups"], 3, "partial", &[]),
    Row("a name of a megabyte", &["huge-name@groups"], 3, "partial", &[]),
    Row("a name of a wrong type", &["wrong-type=name@groups"], 3, "partial", &[]),
    Row("no name", &["missing=name@groups"], 3, "partial", &[]),
];

const OF_MEMBERS: &[Row<'_>] = &[
    Row("a name of a megabyte", &["huge-name@members/team"], 3, "partial", &[Team]),
    Row("a name of a wrong type", &["wrong-type=name@members/team"], 3, "partial", &[Team]),
    Row("no name", &["missing=name@members/team"], 3, "partial", &[Team]),
    Row("an old plug-in", &["old-plugin@members/team"], 3, "partial", &[Team]),
];

const OF_LOOK_UPS: &[Row<'_>] = &[
    Row("JSON too deep", &["deep-json@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("a name of a megabyte", &["huge-name@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("a name of a wrong type", &["wrong-type=name@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("a key of a wrong type", &["wrong-type=key@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("no name", &["missing=name@user"], 3, "partial", &[Unlisted, Deleted]),
    Row("no key", &["missing=key@user"], 3, "partial", &[Unlisted, Deleted]),
];

const OF_USER_EXPORT: &[Row<'_>] = &[
    // In a field that is not read.
    Row("JSON too deep", &["deep-json@export-search"], 0, "applied", &[Nothing]),
    Row("a name of a megabyte", &["huge-name@export-search"], 3, "partial", &[]),
    Row("a name of a wrong type", &["wrong-type=name@export-search"], 3, "partial", &[]),
    Row("an e-mail of a wrong type", &["wrong-type=email@export-search"], 3, "partial", &[]),
    Row("active of a wrong type", &["wrong-type=active@export-search"], 3, "partial", &[]),
    Row("no name", &["missing=name@export-search"], 3, "partial", &[]),
    Row("no e-mail", &["missing=email@export-search"], 0, "applied", &[Nothing]),
    Row("a name twice", &["same-key@export-search:2"], 0, "applied", &[]),
];

#[test]
fn of_the_user_list() {
    survive(Site::new(Export::Off), OF_THE_USER_LIST);
    survive(Site::new(Export::On), OF_THE_USER_LIST.iter().filter(|row| row.1[0].contains("key")));
}

#[test]
fn of_groups_and_members() {
    survive(Site::new(Export::Off), OF_GROUPS);
    survive(Site::new(Export::On), OF_MEMBERS);
}

#[test]
fn of_look_ups() {
    survive(Site::new(Export::Off), OF_LOOK_UPS);
}

#[test]
fn of_user_export() {
    survive(Site::new(Export::On), OF_USER_EXPORT);
}

#[test]
fn a_nul_in_a_name_hides_nothing() {
    for place in ["users", "members/team", "user", "export-search"] {
        let site = Site::new(Export::On);
        site.stir();
        site.world.site.add_fault(site.fault(&format!("nul-name@{place}")));
        let ran = site.world.sync();
        assert!([0, 3].contains(&ran.exit), "{place}: {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stdout.contains('\0') && !ran.stderr.contains('\0'), "{place}");
        for table in ["users", "groups"] {
            let hidden = format!("SELECT count(*) FROM {table} WHERE instr(name, char(0)) > 0");
            assert_eq!(site.world.one(&hidden), "0", "{place}");
        }
        site.is_sound(place);
    }
}

#[test]
fn what_is_wrong_is_told_by_field_and_place() {
    let site = Site::new(Export::On);
    for (fault, told) in [
        ("wrong-type=name@users:2", ["user/getUsers", "'name'"]),
        ("wrong-type=name@members/team", ["group 'team'", "'name'"]),
        ("missing=name@groups", ["group/getGroups", "groups["]),
        ("missing=name@export-search", ["confluenceuserexport/1.0/search", "'username'"]),
        ("wrong-type=active@export-search", ["confluenceuserexport/1.0/search", "'active'"]),
    ] {
        site.world.site.clear_faults();
        site.world.site.add_fault(site.fault(fault));
        let ran = site.world.sync().exits(3);
        let error = site.world.last_walk().1;
        for word in told {
            assert!(ran.stdout.contains(word) && error.contains(word), "{fault}: {word} is not in {error}");
        }
    }
}
