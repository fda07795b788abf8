//! What is installed beside the program holds together.

use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_instance_is_the_service_with_files_of_its_own() {
    let mut expected = read("systemd/rollbook.service");
    for (service, instance) in [
        (", mirrored\n", ", mirrored (%i)\n"),
        (" --config /etc/rollbook/rollbook.toml ", " --config /etc/rollbook/%i.toml "),
        ("\nStateDirectory=rollbook\n", "\nStateDirectory=rollbook-%i\n"),
        (":/etc/rollbook/credentials\n", ":/etc/rollbook/%i.credentials\n"),
    ] {
        assert_eq!(expected.matches(service).count(), 1, "{service:?} in systemd/rollbook.service");
        expected = expected.replace(service, instance);
    }
    assert_eq!(read("systemd/rollbook@.service"), expected);
}
