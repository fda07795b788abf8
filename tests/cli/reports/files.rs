//! Files of reports: whole or not at all, private, and verified later.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{World, alone};

const FORMATS: [&str; 8] = ["table", "csv", "json", "ndjson", "xml", "xlsx", "parquet", "html"];

#[test]
fn every_format_is_written_private_whole_and_the_same_again() {
    let world = World::small();
    world.sync().exits(0);
    let moment = world.one("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at) FROM walks");
    for format in FORMATS {
        let once = format!("once.{format}");
        let again = format!("again.{format}");
        for file in [&once, &again] {
            let ran =
                world.run(&["report", "users", "--as-of", &moment, "--format", format, "--output", file]).exits(0);
            assert_eq!(ran.stdout, "");
        }
        let bytes = fs::read(world.path(&once)).unwrap();
        assert!(bytes.len() > 1000, "{format}");
        assert!(bytes == fs::read(world.path(&again)).unwrap(), "{format}");
        assert_eq!(fs::metadata(world.path(&once)).unwrap().permissions().mode() & 0o777, 0o600);
        if !["xlsx", "parquet"].contains(&format) {
            let said =
                world.run(&["report", "users", "--as-of", &moment, "--format", format, "--output", "-"]).exits(0);
            assert!(said.stdout.as_bytes() == bytes, "{format}");
        }
    }
}

#[test]
fn where_no_file_can_be_the_old_one_stays() {
    let world = World::small();
    world.sync().exits(0);
    fs::create_dir(world.path("folder")).unwrap();
    for format in FORMATS {
        let asked = ["report", "users", "--format", format, "--output"];
        world.run(&[&asked[..], &["none/users"]].concat()).exits(1).says(&["none/users", "cannot be written"]);
        world.run(&[&asked[..], &["folder"]].concat()).exits(1).says(&["folder", "cannot be written"]);
        world.run(&[&asked[..], &["/"]].concat()).exits(1).says(&["cannot be written"]);
    }
    assert_eq!(fs::read_dir(world.path("folder")).unwrap().count(), 0);
    let world_dir: Vec<_> = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!world_dir.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{world_dir:?}");
}

#[test]
fn on_a_full_or_read_only_disk_the_old_file_stays() {
    let world = World::small();
    world.sync().exits(0);
    let script = "mkdir -p disk && mount -t tmpfs -o size=16k tmpfs disk && for f in table csv json ndjson xml xlsx parquet html; do \
         echo old > disk/users.$f; \
         \"$0\" report users --format $f --output disk/users.$f 2>>said; echo full $f $? $(cat disk/users.$f) $(ls -A disk | wc -l) >> exits; \
         rm disk/users.$f; done; \
         echo old > disk/users.csv; mount -o remount,ro disk; \
         \"$0\" report users --format csv --output disk/users.csv 2>>said; echo ro $? $(cat disk/users.csv) >> exits";
    let Some(ran) = alone(world.folder.path(), script) else { return };
    ran.exits(0);
    let exits = fs::read_to_string(world.path("exits")).unwrap();
    let said = fs::read_to_string(world.path("said")).unwrap();
    let expected: String = FORMATS.iter().map(|format| format!("full {format} 1 old 1\n")).collect();
    assert_eq!(exits, format!("{expected}ro 1 old\n"), "{said}");
    assert_eq!(said.matches("error: ").count(), FORMATS.len() + 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains("No space left") && said.contains("read-only filesystem"), "{said}");
    assert!(said.contains("disk/users.xlsx") && !said.contains(".tmp"), "{said}");
}

#[test]
fn a_manifest_verifies_the_file_and_the_mirror() {
    let world = World::small();
    world.sync().exits(0);
    world.run(&["report", "users", "--manifest"]).exits(2).says(&["--manifest", "--output"]);
    let asked = ["report", "inactive", "--param", "days=0", "--format", "xlsx", "--output", "i.xlsx", "--manifest"];
    world.run(&asked).exits(0);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(world.path("i.xlsx.manifest.json")).unwrap()).unwrap();
    for key in ["report", "parameters", "as_of", "walks", "rows", "sha256", "file", "incomplete", "rollbook"] {
        assert!(!manifest[key].is_null(), "{key}: {manifest}");
    }
    assert_eq!((manifest["parameters"]["days"].as_i64(), manifest["walks"][0]["id"].as_i64()), (Some(0), Some(1)));
    assert_eq!(fs::metadata(world.path("i.xlsx.manifest.json")).unwrap().permissions().mode() & 0o777, 0o600);
    let verify = ["report", "--verify", "i.xlsx.manifest.json"];
    world.run(&verify).exits(0).prints(&["file     true", "mirror   true"]);
    // A later walk changes nothing of what was.
    world.change(|site| {
        let key = site.add("newcomer");
        site.join(&key, "confluence-users");
        site.look();
    });
    world.sync().exits(0);
    world.run(&verify).exits(0);
    let mut bytes = fs::read(world.path("i.xlsx")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(world.path("i.xlsx"), bytes).unwrap();
    world.run(&verify).exits(1).prints(&["file     false", "has been changed", "mirror   true"]);
    fs::remove_file(world.path("i.xlsx")).unwrap();
    world.run(&verify).exits(1).prints(&["cannot be read", "mirror   true"]);
    // Somebody edits the past.
    world
        .run(&[
            "export",
            "users",
            "--search",
            "e",
            "--inactive",
            "--active",
            "--page-size",
            "7",
            "--format",
            "csv",
            "--output",
            "u.csv",
            "--manifest",
        ])
        .exits(0);
    let verify = ["report", "--verify", "u.csv.manifest.json", "--format", "json"];
    assert_eq!(world.run(&verify).exits(0).json()[1]["same"], true);
    world.runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite://{}", world.file().display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("UPDATE accounts SET full_name = 'somebody else'").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let told = world.run(&verify).exits(1).json();
    assert_eq!((told[0]["same"].as_bool(), told[1]["same"].as_bool()), (Some(true), Some(false)));
    for (name, text) in [("none.json", None), ("no.json", Some("{}")), ("list.json", Some("[1"))] {
        if let Some(text) = text {
            fs::write(world.path(name), text).unwrap();
        }
        world.run(&["report", "--verify", name]).exits(2).says(&[name]);
    }
}

#[test]
fn names_of_any_kind_reach_every_format() {
    use rollbook::simulator::Settings;
    let world = World::with(Settings { users: 8, seed: 7, ..Settings::default() });
    let long = "x".repeat(40_000);
    world.change(|site| {
        for (nth, name) in ["=1+1", "a\n\"b\",'c'\r\nd", "\u{202e}gnp.exe", "\u{1}\u{1b}[31m", "]]>&<b>_x0041_", &long]
            .iter()
            .enumerate()
        {
            let key = site.add(&format!("odd.{nth}"));
            site.users.get_mut(&key).unwrap().full_name = (*name).to_owned();
            site.join(&key, "confluence-users");
        }
        site.look();
    });
    world.sync().exits(0);
    for format in FORMATS {
        let file = format!("u.{format}");
        world.run(&["report", "users", "--format", format, "--output", &file]).exits(0);
        let bytes = fs::read(world.path(&file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        match format {
            "csv" => assert!(text.contains(",'=1+1,") && text.contains(&long)),
            "json" | "ndjson" => assert!(text.contains("\"=1+1\"") && text.contains("\\u001b[31m")),
            "table" => assert!(text.contains("\\u{202e}gnp.exe") && !text.contains('\u{1b}') && !text.contains(&long)),
            "html" => assert!(!text.contains("<b>") && !text.contains('\u{202e}')),
            "xml" => assert!(text.contains("]]&gt;&amp;&lt;b&gt;_x0041_") && !text.contains('\u{1b}')),
            _ => {}
        }
    }
}

#[test]
fn a_signal_leaves_nothing_behind() {
    use std::process::Stdio;
    let world = World::small();
    world.sync().exits(0);
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    for (name, number) in [("INT", 130), ("TERM", 143)] {
        fs::write(world.path("old.csv"), "old").unwrap();
        let mut command =
            world.command(&["sql", endless, "--timeout", "60s", "--format", "csv", "--output", "old.csv"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let temporary = || {
            let files = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap());
            files.filter(|file| file.file_name().to_string_lossy().ends_with(".tmp")).map(|file| file.path()).next()
        };
        // Rows are being written.
        while temporary().and_then(|path| fs::metadata(path).ok()).is_none_or(|found| found.len() == 0) {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(number));
        assert_eq!(temporary(), None);
        assert_eq!(fs::read_to_string(world.path("old.csv")).unwrap(), "old");
    }
}

#[test]
fn what_csv_has_no_room_for_is_said() {
    use rollbook::simulator::Endpoint;
    let world = World::small().fault(crate::support::always(Endpoint::GroupMembers, 500));
    world.sync().exits(3);
    for format in ["csv", "ndjson"] {
        world.run(&["report", "users", "--format", format]).exits(0).says(&["INCOMPLETE"]);
    }
    world.run(&["export", "users", "--layout", "user-export", "--format", "json"]).exits(0).says(&["INCOMPLETE"]);
}

#[test]
fn a_result_is_not_written_over_the_mirror() {
    let world = World::small();
    world.sync().exits(0);
    fs::write(world.path("rollbook.db-wal"), "").unwrap();
    let before = fs::read(world.file()).unwrap();
    let config = fs::read(world.path("rollbook.toml")).unwrap();
    std::os::unix::fs::symlink(world.file(), world.path("link.csv")).unwrap();
    for file in ["rollbook.db", "./rollbook.db", "link.csv", "rollbook.db-wal", "rollbook.db-shm", "rollbook.toml"] {
        for command in
            [&["report", "users"][..], &["sql", "SELECT 1"], &["export", "users"], &["history", "user", "admin"]]
        {
            world.run(&[command, &["--output", file]].concat()).exits(1).says(&[file, "name another file"]);
        }
    }
    assert_eq!(fs::read(world.file()).unwrap(), before);
    assert_eq!(fs::read(world.path("rollbook.toml")).unwrap(), config);
}

#[test]
fn the_end_of_a_link_is_written_and_not_the_link() {
    let world = World::small();
    world.sync().exits(0);
    fs::write(world.path("real.csv"), "old").unwrap();
    std::os::unix::fs::symlink("real.csv", world.path("link.csv")).unwrap();
    world.run(&["report", "users", "--format", "csv", "--output", "link.csv"]).exits(0);
    assert!(fs::symlink_metadata(world.path("link.csv")).unwrap().is_symlink());
    assert!(fs::read_to_string(world.path("real.csv")).unwrap().starts_with("site,key"));
    let out = fs::File::create(world.path("out.csv")).unwrap();
    let mut command = world.command(&["report", "users", "--format", "csv", "--output", "/dev/stdout"]);
    assert!(command.stdout(out).status().unwrap().success());
    assert!(fs::symlink_metadata("/dev/stdout").unwrap().is_symlink());
    assert!(fs::read_to_string(world.path("out.csv")).unwrap().starts_with("site,key"));
}
