//! The faults to survive, and what must come out.
//!
//! A [`Row`] injects one fault into a walk over a site where people came, changed and left since the walk before.
//! Whatever the fault: all that the mirror then says is as it was or as the site is, `db verify` finds nothing, and the
//! next walk makes the mirror equal to the site. What the row adds is the exit code, the walk's status, and what may not
//! have moved.

mod between;
mod disk;
mod extender;
mod losses;
mod once;
mod records;
mod refused;
mod sites;
mod sizes;
mod user_export;

use rollbook::simulator::{Fault, Population, Settings, UserExportApp};

use crate::support::{Picture, Scripted, World};

/// One row of the table: its name, the faults as `simulate --fault` spells them, the exit code, the walk's status, and
/// what stays as it was. `{other}` stands for the address of another server.
pub struct Row<'a>(pub &'a str, pub &'a [&'a str], pub i32, pub &'a str, pub &'a [Kept]);

/// What a walk may not have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Anything but its own row.
    Everything,
    /// Who is not listed any more, as long as nothing proves why; User Export proves it.
    Unlisted,
    /// The account that was deleted.
    Deleted,
    /// The members of `team`.
    Team,
    /// Memberships and groups: none ends.
    Groups,
    /// What User Export alone tells.
    Exported,
    /// Nothing is kept back: the mirror is the site at once.
    Nothing,
}

/// Whether the site has User Export, and how it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    Off,
    Auto,
    On,
}

/// A small site, mirrored, on which something happens before each walk.
pub struct Site {
    pub world: World,
    pub export: Export,
    /// MiB the program may have for its data; `None` as many as it likes.
    pub memory: Option<u64>,
    other: Scripted,
    nth: usize,
}

impl Site {
    /// About thirty users, in pages of twelve.
    pub fn new(export: Export) -> Self {
        let app = if export == Export::Off { UserExportApp::Missing } else { UserExportApp::WithLastLogin };
        let world = World::with(Settings { users: 24, seed: 7, user_export: app, ..Settings::default() });
        let wanted = match export {
            Export::Off => "\"off\"",
            Export::Auto => "\"auto\"",
            Export::On => "\"on\"",
        };
        let world = world.key("user_export", wanted).limit("page_size", 12).limit("lookups_per_walk", 1000);
        let world = world.limit("request_timeout", "\"1s\"");
        let other = Scripted::start(|_, stream| Scripted::json(stream, r#"{"total":0,"users":[]}"#));
        let site = Self { world, export, memory: None, other, nth: 0 };
        site.people_come();
        site.heals("the first walk");
        site
    }

    /// With so many retries.
    pub fn retrying(mut self, retries: u32) -> Self {
        self.world = self.world.limit("retries", retries);
        self
    }

    /// With so many requests in flight.
    pub fn in_flight(mut self, concurrency: u32) -> Self {
        self.world = self.world.limit("concurrency", concurrency);
        self
    }

    /// Those who will leave or change before the next walk.
    fn people_come(&self) {
        let nth = self.nth;
        self.world.change(|site| {
            for role in ["b.leaver", "f.unlisted", "k.deleted", "p.disabled", "t.quitter"] {
                let key = site.add(&format!("{role}.{nth}"));
                site.join(&key, "everyone");
                site.join(&key, "team");
            }
            site.look();
        });
    }

    /// What happens at the site before a walk: somebody comes, somebody's phone number changes, one loses access, one
    /// leaves every group, one is deleted, one is disabled, one leaves a group.
    pub fn stir(&self) {
        let nth = self.nth;
        self.world.change(|site| {
            let key = |site: &Population, role: &str| site.find(&format!("{role}.{nth}")).unwrap().key.clone();
            let joiner = site.add(&format!("w.joiner.{nth}"));
            site.join(&joiner, "team");
            site.leave(&key(site, "b.leaver"), "confluence-users");
            site.leave_all(&key(site, "f.unlisted"));
            site.delete(&key(site, "k.deleted"));
            let disabled = key(site, "p.disabled");
            site.users.get_mut(&disabled).unwrap().enabled = false;
            let quitter = key(site, "t.quitter");
            site.users.get_mut(&quitter).unwrap().phone = format!("+1 555 01{nth:02}");
            site.leave(&quitter, "team");
            site.look();
        });
    }

    /// What the site is, as far as a walk can know.
    pub fn truth(&self) -> Picture {
        let export = self.export != Export::Off;
        Picture::of_truth(self.world.change(|site| if export { site.truth_with_export() } else { site.truth() }))
    }

    /// The mirror of it.
    pub fn mirror(&self) -> Picture {
        Picture::of_mirror(self.world.database())
    }

    /// `db verify` finds nothing.
    #[track_caller]
    pub fn is_sound(&self, when: &str) {
        let ran = self.world.run(&["db", "verify"]);
        assert_eq!(ran.exit, 0, "{when}: {}{}", ran.stdout, ran.stderr);
    }

    /// The faults are over: one walk makes the mirror equal to the site.
    #[track_caller]
    pub fn heals(&self, when: &str) {
        self.world.site.clear_faults();
        self.world.site.reset_captcha();
        let ran = self.world.sync();
        assert_eq!(ran.exit, 0, "{when}, healed:\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(self.world.last_walk(), ("applied".to_owned(), String::new()), "{when}, healed");
        self.mirror().assert_is(&self.truth(), &format!("{when}, healed"));
    }

    /// Runs one row.
    #[track_caller]
    pub fn survives(&mut self, row: &Row<'_>) {
        let Row(name, faults, exit, status, kept) = row;
        let when = format!("{name} [{}] with User Export {:?}", faults.join(" "), self.export);
        self.stir();
        let (before, contents) = (self.mirror(), self.world.database().contents(&["walks"]));
        for fault in *faults {
            self.world.site.add_fault(self.fault(fault));
        }
        let ran = self.memory.map_or_else(|| self.world.sync(), |mebibytes| sizes::limited(self, mebibytes));
        let said = format!("{when}\n--- stdout\n{}\n--- stderr\n{}", ran.stdout, ran.stderr);
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(ran.exit, *exit, "{said}");
        assert_eq!(self.world.last_walk().0, *status, "{said}");
        assert_eq!(self.other.requests(), 0, "{when}: another origin was asked");
        let (mirror, now) = (self.mirror(), self.truth());
        let to_extender = Picture::of_truth(self.world.change(|site| site.truth()));
        mirror.assert_is_between(&before, [&now, &to_extender], &when);
        for kept in *kept {
            let person = |picture: &Picture, role: &str| {
                let name = format!("{role}.{}", self.nth);
                picture.users.values().find(|user| user.get("name") == Some(&name)).cloned()
            };
            match kept {
                Kept::Everything => assert_eq!(self.world.database().contents(&["walks"]), contents, "{when}"),
                Kept::Unlisted if self.export != Export::Off => {}
                Kept::Unlisted => {
                    assert_eq!(person(&mirror, "f.unlisted"), person(&before, "f.unlisted"), "{when}");
                    assert_eq!(person(&mirror, "k.deleted"), person(&before, "k.deleted"), "{when}");
                }
                Kept::Deleted => assert_eq!(person(&mirror, "k.deleted"), person(&before, "k.deleted"), "{when}"),
                Kept::Team => assert_eq!(mirror.members_of("team"), before.members_of("team"), "{when}"),
                Kept::Groups => {
                    assert!(mirror.members.is_superset(&before.members), "{when}: a membership ended");
                    assert!(mirror.groups.is_superset(&before.groups), "{when}: a group ended");
                }
                Kept::Exported => {
                    let (told, known) = (mirror.exported(), before.exported());
                    for (key, before) in known {
                        if let Some(now) = told.get(key) {
                            assert_eq!(*now, before, "{when}: what User Export told of {key}");
                        }
                    }
                }
                Kept::Nothing => mirror.assert_is(&now, &when),
            }
        }
        let elsewhere = faults.iter().all(|fault| fault.contains('@') && !fault.contains("@users"));
        if *status == "partial" && elsewhere {
            let joiner = format!("w.joiner.{}", self.nth);
            assert!(mirror.users.values().any(|user| user.get("name") == Some(&joiner)), "{when}: the rest is applied");
        }
        self.is_sound(&when);
        self.next(&when);
    }

    /// The faults are over, and others come who will leave.
    #[track_caller]
    pub fn next(&mut self, when: &str) {
        self.nth += 1;
        self.people_come();
        self.heals(when);
    }

    /// A fault as it is spelled.
    pub fn fault(&self, spelled: &str) -> Fault {
        let other = format!("{}/", self.other.url);
        spelled.replace("{other}", &other).parse().unwrap_or_else(|error| panic!("{spelled}: {error}"))
    }
}

/// Runs rows one after the other on one site.
#[track_caller]
pub fn survive<'a>(mut site: Site, rows: impl IntoIterator<Item = &'a Row<'a>>) {
    for row in rows {
        site.survives(row);
    }
    site.is_sound("at the end");
}
