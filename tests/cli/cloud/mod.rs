//! A Cloud site and what may go wrong with it: whatever does, the mirror says nothing that is not so, loses nothing that
//! was known, and the next walk makes it equal to the site.

mod access;
mod chaos;
mod faults;
mod groups;
mod hidden;
mod look_up;
mod organization;
mod searches;
mod sites;
mod stops;
mod truths;

use std::collections::{BTreeMap, BTreeSet};

use rollbook::simulator::{CloudSettings, CloudTruth, Fault, OrganizationSettings, Population, Settings, account_id};

use crate::support::{Ran, Scripted, World};

/// The columns compared, of `users`.
const FIELDS: [&str; 10] = [
    "status",
    "account_status",
    "name",
    "full_name",
    "email",
    "email_hidden",
    "account_type",
    "is_external",
    "time_zone",
    "last_active_at",
];

/// Who and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudPicture {
    /// By account id: the columns, blank where they are NULL.
    pub users: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// By id, the names.
    pub groups: BTreeMap<String, String>,
    /// Ids of groups and of members.
    pub members: BTreeSet<(String, String)>,
}

impl CloudPicture {
    pub fn of_truth(truth: CloudTruth) -> Self {
        let mut picture = Self::default();
        for (id, user) in truth.users {
            let bit = |bit| u8::from(bit).to_string();
            let values = [
                user.status.as_str().to_owned(),
                user.account_status.unwrap_or_default(),
                user.name,
                user.full_name,
                user.email,
                bit(user.email_hidden),
                user.account_type,
                bit(user.is_external),
                user.time_zone.unwrap_or_default(),
                user.last_active_at.map(|at| at.to_sql()).unwrap_or_default(),
            ];
            picture.users.insert(id, FIELDS.into_iter().zip(values).collect());
        }
        for (id, group) in truth.groups {
            picture.members.extend(group.members.into_iter().map(|user| (id.clone(), user)));
            picture.groups.insert(id, group.name);
        }
        picture
    }

    /// The mirror of the site called `name`.
    pub fn of_mirror(world: &World, name: &str) -> Self {
        let mut picture = Self::default();
        let mut database = world.database();
        let site = format!("site_id = (SELECT id FROM sites WHERE name = '{name}')");
        let columns = FIELDS.map(|field| format!("coalesce({field}, '')")).join(", ");
        for row in database.rows(&format!("SELECT key, {columns} FROM users WHERE {site}")) {
            let mut cells = row.split('|').map(str::to_owned);
            let key = cells.next().unwrap();
            let fields: BTreeMap<_, _> = FIELDS.into_iter().zip(cells).collect();
            assert!(picture.users.insert(key, fields).is_none(), "two rows of one user: {row}");
        }
        for row in database.rows(&format!("SELECT external_id, name FROM groups WHERE removed_at IS NULL AND {site}")) {
            let (id, name) = row.split_once('|').unwrap();
            picture.groups.insert(id.to_owned(), name.to_owned());
        }
        let members = format!(
            "SELECT g.external_id, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
             JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL AND g.{site}"
        );
        for row in database.rows(&members) {
            let (group, user) = row.split_once('|').unwrap();
            assert!(picture.members.insert((group.to_owned(), user.to_owned())), "a member twice: {row}");
        }
        picture
    }

    /// Checks that this mirror is that site.
    #[track_caller]
    pub fn assert_is(&self, site: &Self, when: &str) {
        let users: BTreeSet<&String> = self.users.keys().chain(site.users.keys()).collect();
        for id in users {
            assert_eq!(self.users.get(id), site.users.get(id), "{when}: user {id} (mirror left, site right)");
        }
        assert_eq!(self.groups, site.groups, "{when}: groups (mirror left, site right)");
        let odd: Vec<_> = self.members.symmetric_difference(&site.members).collect();
        assert!(odd.is_empty(), "{when}: members of one alone: {odd:?}");
    }

    /// Checks that all this mirror says is as it was or as the site is, and that nothing that stood is lost.
    #[track_caller]
    pub fn assert_is_between(&self, before: &Self, now: &Self, when: &str) {
        for (id, fields) in &self.users {
            for (field, value) in fields {
                let said = |picture: &Self| picture.users.get(id).is_some_and(|user| user[field] == *value);
                assert!(said(before) || said(now), "{when}: user {id}: {field} = '{value}'");
            }
        }
        let lost: Vec<_> = before.users.keys().filter(|id| !self.users.contains_key(*id)).collect();
        assert!(lost.is_empty(), "{when}: lost users {lost:?}");
        for (id, name) in &self.groups {
            let said = |picture: &Self| picture.groups.get(id) == Some(name);
            assert!(said(before) || said(now), "{when}: group {id} = '{name}'");
        }
        let standing = |id: &&String| before.groups.contains_key(*id) && now.groups.contains_key(*id);
        let lost: Vec<_> = now.groups.keys().filter(standing).filter(|id| !self.groups.contains_key(*id)).collect();
        assert!(lost.is_empty(), "{when}: lost groups {lost:?}");
        let odd: Vec<_> =
            self.members.iter().filter(|row| !before.members.contains(row) && !now.members.contains(row)).collect();
        assert!(odd.is_empty(), "{when}: members that never were: {odd:?}");
        let lost: Vec<_> =
            before.members.intersection(&now.members).filter(|row| !self.members.contains(row)).collect();
        assert!(lost.is_empty(), "{when}: members lost who stood throughout: {lost:?}");
    }
}

/// A row of a table of faults: its name, the faults as `simulate --fault` spells them, the exit code, and the walk's
/// status. `{other}` stands for the address of another server.
pub struct Row<'a>(pub &'a str, pub &'a [&'a str], pub i32, pub &'a str);

/// A small Cloud site, mirrored, on which something happens before each walk.
pub struct Site {
    pub world: World,
    other: Scripted,
    nth: usize,
}

impl Site {
    /// About thirty users, in pages of twelve and batches of ten, with an organization or without.
    pub fn new(organization: Option<OrganizationSettings>) -> Self {
        let world = World::cloud(settings(24, organization)).unguarded();
        let world = world.limit("page_size", 12).limit("batch_size", 10).limit("request_timeout", "\"1s\"");
        let other = Scripted::start(|_, stream| Scripted::json(stream, r#"{"results":[],"_links":{}}"#));
        let site = Self { world, other, nth: 0 };
        site.people_come();
        site.heals("the first walk");
        site
    }

    /// With a bulk search in the organization.
    pub fn organized() -> Self {
        Self::new(Some(OrganizationSettings::default()))
    }

    /// With so many retries.
    pub fn retrying(mut self, retries: u32) -> Self {
        self.world = self.world.limit("retries", retries);
        self
    }

    /// Those to whom something happens before the next walk.
    fn people_come(&self) {
        let nth = self.nth;
        self.world.change(|site| {
            for role in ["b.leaver", "f.gone", "k.closed", "p.quitter", "t.hider", "u.odd"] {
                let key = site.add(&format!("{role}.{nth}"));
                site.traits_mut(&key).email_hidden = false;
                site.join(&key, "everyone");
                site.join(&key, "team");
            }
            let key = named(site, &format!("b.leaver.{nth}"));
            site.join(&key, &format!("gone {nth}"));
            site.join(&key, &format!("band {nth}"));
            site.look();
        });
    }

    /// Somebody comes, one is deactivated, one vanishes, one is closed, one leaves a group, one hides an address, one was
    /// active, one gets a status that nobody knows; a group goes, one gets another name.
    pub fn stir(&self) {
        let nth = self.nth;
        self.world.change(|site| {
            let key = |site: &Population, role: &str| named(site, &format!("{role}.{nth}"));
            let joiner = site.add(&format!("w.joiner.{nth}"));
            site.join(&joiner, "team");
            let [leaver, gone, closed] = ["b.leaver", "f.gone", "k.closed"].map(|role| key(site, role));
            site.users.get_mut(&leaver).unwrap().enabled = false;
            site.users.get_mut(&gone).unwrap().unsynced = true;
            site.delete(&closed);
            let [quitter, hider, odd] = ["p.quitter", "t.hider", "u.odd"].map(|role| key(site, role));
            let login = site.end_of_day().plus_millis(nth as i64 * 1000);
            let quits = site.users.get_mut(&quitter).unwrap();
            (quits.full_name, quits.last_login_at) = (format!("Quitter No. {nth}"), Some(login));
            site.leave(&quitter, "team");
            site.traits_mut(&hider).email_hidden = true;
            site.traits_mut(&odd).account_status = Some("suspended".to_owned());
            site.groups.remove(&format!("gone {nth}"));
            site.rename_group(&format!("band {nth}"), &format!("group {nth}"));
            site.look();
        });
    }

    /// What the site is, as far as walks can know.
    pub fn truth(&self) -> CloudPicture {
        truth(&self.world)
    }

    /// The mirror of it.
    pub fn mirror(&self) -> CloudPicture {
        CloudPicture::of_mirror(&self.world, "corp")
    }

    /// The faults are over: one walk makes the mirror equal to the site.
    #[track_caller]
    pub fn heals(&self, when: &str) {
        heals(&self.world, when);
    }

    /// Runs one row.
    #[track_caller]
    pub fn survives(&mut self, row: &Row<'_>) {
        let Row(name, faults, exit, status) = row;
        let when = format!("{name} [{}]", faults.join(" "));
        let parsed = faults.iter().map(|fault| {
            let spelled = fault.replace("{other}", &format!("{}/", self.other.url));
            spelled.parse().unwrap_or_else(|error| panic!("{spelled}: {error}"))
        });
        let parsed = parsed.collect();
        let (ran, changed) = self.outlives(parsed, &when);
        let said = format!("{when}\n--- stdout\n{}\n--- stderr\n{}", ran.stdout, ran.stderr);
        assert_eq!((ran.exit, self.world.last_walk().0.as_str()), (*exit, *status), "{said}");
        assert!(*status != "partial" || changed, "{when}: the rest is applied");
        self.next(&when);
    }

    /// Something happens at the site, and a walk with these faults follows: whatever its exit code, the mirror is sound and
    /// right. Tells whether the mirror changed.
    #[track_caller]
    pub fn outlives(&self, faults: Vec<Fault>, when: &str) -> (Ran, bool) {
        self.stir();
        let (before, contents) = (self.mirror(), self.world.database().contents(&["walks"]));
        faults.into_iter().for_each(|fault| self.world.site.add_fault(fault));
        let ran = self.world.sync();
        let said = format!("{when}\n--- stdout\n{}\n--- stderr\n{}", ran.stdout, ran.stderr);
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(self.other.requests(), 0, "{when}: another origin was asked");
        let (mirror, now) = (self.mirror(), self.truth());
        mirror.assert_is_between(&before, &now, &said);
        match (ran.exit, self.world.last_walk().0.as_str()) {
            (0, "applied") => mirror.assert_is(&now, &said),
            (3, "partial") => {}
            (69 | 77, "failed") => {
                assert_eq!(self.world.database().contents(&["walks"]), contents, "{said}: nothing is applied");
            }
            odd => panic!("{odd:?}: {said}"),
        }
        self.world.is_sound();
        (ran, mirror != before)
    }

    /// The faults are over, and others come to whom something will happen.
    #[track_caller]
    pub fn next(&mut self, when: &str) {
        self.nth += 1;
        self.people_come();
        settles(&self.world, when);
    }
}

/// Runs rows one after the other on one site.
#[track_caller]
pub fn survive<'a>(mut site: Site, rows: impl IntoIterator<Item = &'a Row<'a>>) {
    rows.into_iter().for_each(|row| site.survives(row));
}

/// The settings of so many users on Cloud.
pub fn settings(users: usize, organization: Option<OrganizationSettings>) -> Settings {
    let cloud = CloudSettings { organization, ..CloudSettings::default() };
    Settings { users, seed: 7, cloud: Some(cloud), ..Settings::cloud() }
}

/// Sixty users without an organization, walked.
pub fn sixty() -> World {
    let world = World::cloud(settings(60, None)).unguarded();
    heals(&world, "the first walk");
    world
}

/// The key of whoever has this name.
#[track_caller]
pub fn named(site: &Population, name: &str) -> String {
    site.find(name).unwrap_or_else(|| panic!("nobody is called {name}")).key.clone()
}

/// The keys of people with access, in the order of their ids.
pub fn people(world: &World) -> Vec<String> {
    world.change(|site| {
        let people = site.users.values().filter(|user| site.has_access(user) && !user.serves());
        people.map(|user| user.key.clone()).collect()
    })
}

/// A column of the user with this key.
#[track_caller]
pub fn told(world: &World, key: &str, columns: &str) -> String {
    world.one(&format!("SELECT {columns} FROM users WHERE key = '{}'", account_id(key)))
}

/// What the site is now, as far as walks can know.
pub fn truth(world: &World) -> CloudPicture {
    let organized = world.is_organized();
    CloudPicture::of_truth(world.change(|site| {
        site.look();
        site.cloud_truth(organized)
    }))
}

/// A walk without faults makes the mirror equal to the site, and sound.
#[track_caller]
pub fn heals(world: &World, when: &str) {
    settles(world, when);
    world.is_sound();
}

#[track_caller]
fn settles(world: &World, when: &str) {
    world.site.clear_faults();
    let ran = world.sync();
    assert_eq!(ran.exit, 0, "{when}, healed:\n{}{}", ran.stdout, ran.stderr);
    assert_eq!(world.last_walk(), ("applied".to_owned(), String::new()), "{when}, healed");
    CloudPicture::of_mirror(world, "corp").assert_is(&truth(world), &format!("{when}, healed"));
}

/// A walk with this fault, which ends so; nothing panics.
#[track_caller]
pub fn walks_with(world: &World, fault: &str, exit: i32) -> Ran {
    world.site.add_fault(fault.parse().unwrap());
    let ran = world.sync().exits(exit);
    world.site.clear_faults();
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}
