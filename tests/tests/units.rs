//! The files an installation brings are sound, and the services are confined as far as promised.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use bwflow_proto::config::load_str;
use bwflow_tests::process::source;

/// The highest exposure of `systemd-analyze security`, in tenths, on a scale from 0 to 100.
const EXPOSURE: [(&str, u32); 2] = [("bwflowd", 12), ("bwflow-helper", 15)];

fn unit(service: &str) -> String {
    fs::read_to_string(source().join(format!("contrib/systemd/{service}.service"))).unwrap()
}

/// Writes a service's unit below `directory` and has `systemd-analyze` look at it.
fn analyze(directory: &Path, service: &str, unit: &str, arguments: &[&str]) -> (Output, String) {
    let path = directory.join(format!("{service}.service"));
    fs::write(&path, unit).unwrap();
    // The units of this machine are none of ours, and may change while they are read.
    let output = Command::new("systemd-analyze")
        .env("SYSTEMD_UNIT_PATH", directory)
        .args(arguments)
        .arg("--no-pager")
        .arg(path)
        .output()
        .unwrap();
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    (output, String::from_utf8(text).unwrap())
}

/// Whether a unit's exposure is at most `tenths`, and the whole table.
fn is_within(service: &str, unit: &str, tenths: u32) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let threshold = format!("--threshold={tenths}");
    let (output, text) = analyze(
        directory.path(),
        service,
        unit,
        &["security", "--offline=true", &threshold],
    );
    assert!(text.contains("Overall exposure level"), "{text}");
    (output.status.success(), text)
}

#[test]
fn each_service_is_confined_as_far_as_promised() {
    for (service, tenths) in EXPOSURE {
        let (within, table) = is_within(service, &unit(service), tenths);
        assert!(within, "{table}");
        let verdict = table.lines().find(|line| line.contains("Overall exposure"));
        println!("MEASURED {}", verdict.unwrap().trim_start_matches("→ "));
        // The gate itself: one protection less must not pass unseen.
        let weaker = unit(service).replace("RestrictNamespaces=yes\n", "");
        assert_ne!(weaker, unit(service));
        let (within, table) = is_within(service, &weaker, tenths);
        assert!(!within, "without RestrictNamespaces: {table}");
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    for (service, _) in EXPOSURE {
        let directory = tempfile::tempdir().unwrap();
        // Nothing of ours is installed where the tests run, and what is built may be missing for a
        // moment while it is built anew. All that is asked of it is that it can be executed.
        let program = directory.path().join(service);
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let started = format!("ExecStart={}", program.display());
        let here = unit(service).replace(&format!("ExecStart={service}"), &started);
        assert!(here.contains(&started), "{here}");
        let verify = ["verify", "--man=no", "--recursive-errors=no"];
        let (output, text) = analyze(directory.path(), service, &here, &verify);
        assert!(output.status.success() && text.is_empty(), "{text}");
        let wrong = here.replace("UMask=", "Umaks=");
        let (_, text) = analyze(directory.path(), service, &wrong, &verify);
        assert!(text.contains("Umaks"), "a wrong line is not seen: {text}");
    }
}

#[test]
fn what_starts_the_daemon_over_the_bus_is_its_unit() {
    let activation = fs::read_to_string(source().join("dbus/org.bwflow1.service")).unwrap();
    let value = |key: &str| {
        let line = activation.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {activation}"))
            .to_owned()
    };
    assert_eq!(value("Name="), "org.bwflow1");
    let unit = unit("bwflowd");
    assert!(unit.contains("BusName=org.bwflow1\n"));
    assert!(unit.contains(&format!("Alias={}\n", value("SystemdService="))));
}

#[test]
fn the_example_configuration_is_right() {
    let text = fs::read_to_string(source().join("contrib/examples/config.toml")).unwrap();
    if let Err(problems) = load_str("config.toml", &text) {
        panic!("{problems}");
    }
    // What is commented out must be right, too: people remove the `# `.
    let links = text
        .replace("# [[link]]", "[[link]]")
        .replace("# interface", "interface")
        .replace("# monthly", "monthly")
        .replace("# billing", "billing");
    assert_ne!(links, text);
    let loaded = load_str("config.toml", &links).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.links.len(), 2);
}
