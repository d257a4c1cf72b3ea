//! What the file gives back, and what a broken one or a full disk does.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use bwflow_proto::claim::Options;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::decision::{Author, Decision};

const NOW: Clock = Clock {
    boottime: Duration::from_secs(1000),
    wall_usec: 1_800_000_000_000_000,
};

fn open(directory: &TempDir) -> Store {
    Store::open(directory.path(), "boot", &NOW).unwrap()
}

fn author() -> Author {
    Author {
        uid: 1000,
        name: "anna".to_owned(),
    }
}

fn claims(decisions: &[Decision]) -> Claims {
    let mut claims = Claims::default();
    for (n, decision) in decisions.iter().enumerate() {
        let id = || Ok(format!("{n:032x}"));
        claims.decide(decision, &author(), &NOW, id).unwrap();
    }
    claims
}

fn everything() -> Claims {
    let lasting = Options {
        duration_usec: Some(90_000_000),
        reason: Some("a film \"for\" the train ☂".to_owned()),
        ..Options::default()
    };
    let until = Options {
        until_usec: Some(NOW.wall_usec + 5),
        top_up_bytes: Some(7),
        ..Options::default()
    };
    claims(&[
        Decision::Throttle(6_250_000, lasting),
        Decision::Override(until),
        Decision::TopUp(10_000_000_000, Options::default()),
    ])
}

#[test]
fn another_run_has_what_this_one_had() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory);
    store.replace("wan0", everything(), &NOW).unwrap();
    let throttle = claims(&[Decision::Throttle(1, Options::default())]);
    store.replace("eth0", throttle.clone(), &NOW).unwrap();
    let again = open(&directory);
    assert_eq!(again.get("wan0"), everything());
    assert_eq!(again.get("eth0"), throttle);
    assert_eq!(again.names(), ["eth0", "wan0"]);
    store.replace("eth0", Claims::default(), &NOW).unwrap();
    assert_eq!(open(&directory).names(), ["wan0"]);
}

#[test]
fn a_reboot_is_told_by_its_id() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory)
        .replace("wan0", everything(), &NOW)
        .unwrap();
    let later = Clock {
        boottime: Duration::from_secs(7),
        wall_usec: NOW.wall_usec + 60_000_000,
    };
    let rebooted = Store::open(directory.path(), "another", &later).unwrap();
    let left = rebooted.get("wan0").throttle.unwrap().left(&later);
    assert_eq!(left, Some(Duration::from_secs(30)));
    // That is in the file: a restart within the new boot goes by its own clock.
    let restarted = Clock {
        boottime: Duration::from_secs(17),
        wall_usec: 0,
    };
    let store = Store::open(directory.path(), "another", &restarted).unwrap();
    let left = store.get("wan0").throttle.unwrap().left(&restarted);
    assert_eq!(left, Some(Duration::from_secs(20)));
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory);
    store.replace("wan0", everything(), &NOW).unwrap();
    let gone = directory.path().join("gone");
    store.file = gone.join(FILE);
    assert!(store.replace("wan0", Claims::default(), &NOW).is_err());
    assert!(store.replace("eth0", everything(), &NOW).is_err());
    assert_eq!(store.names(), ["wan0"]);
    assert_eq!(store.get("wan0"), everything());
    // It is tried again, and then nobody finds another state in the file.
    fs::create_dir(&gone).unwrap();
    let later = Clock {
        boottime: NOW.boottime + RETRY,
        ..NOW
    };
    assert_eq!(store.expire(&later), []);
    assert_eq!(open_at(&gone).get("wan0"), everything());
    assert_eq!(store.retry, None);
}

fn open_at(directory: &Path) -> Store {
    Store::open(directory, "boot", &NOW).unwrap()
}

#[test]
fn what_is_over_goes_from_the_file_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory);
    store.replace("wan0", everything(), &NOW).unwrap();
    let end = Clock {
        boottime: store.next(&NOW).unwrap(),
        wall_usec: NOW.wall_usec + 5,
    };
    let over = store.expire(&end);
    assert_eq!(over.len(), 1);
    assert_eq!((over[0].0.as_str(), over[0].1), ("wan0", "override"));
    // Somebody sets the clock back: it does not come again.
    let again = open(&directory).get("wan0");
    assert_eq!(again.override_claim, None);
    assert_eq!(again.top_ups.len(), 2);
    assert!(again.throttle.is_some());
}

#[test]
fn a_damaged_file_is_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory)
        .replace("wan0", everything(), &NOW)
        .unwrap();
    let file = directory.path().join(FILE);
    let good = fs::read_to_string(&file).unwrap();
    let long = "x".repeat(201);
    for (what, with) in [
        ("}\n", ""),
        ("\"version\": 1", "\"version\": 2"),
        ("wan0", "wan/0"),
        ("6250000", "0"),
        ("6250000", "1000000000001"),
        ("10000000000", "0"),
        ("10000000000", "1000000000000001"),
        (
            "00000000000000000000000000000002",
            "00000000000000000000000000000001",
        ),
        (
            "00000000000000000000000000000002",
            "0000000000000000000000000000000G",
        ),
        ("00000000000000000000000000000002", "2"),
        ("a film", long.as_str()),
        ("a film", "\\u001b[2J"),
        (
            "\"expires_boottime_usec\": 1090000000",
            "\"expires_boottime_usec\": 18446744073709551615",
        ),
        ("\"owner_uid\"", "\"owner_gid\""),
    ] {
        let bad = good.replace(what, with);
        assert_ne!(bad, good, "{what}");
        fs::write(&file, &bad).unwrap();
        assert_eq!(open(&directory).names(), [""; 0], "{what} -> {with}");
        assert!(!file.exists());
        let aside = directory.path().join("claims.json.damaged");
        assert_eq!(fs::read_to_string(aside).unwrap(), bad);
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(open(&directory).get("wan0"), everything());
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_none() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(FILE)).unwrap();
    let failed = Store::open(directory.path(), "boot", &NOW).unwrap_err();
    assert!(failed.to_string().contains("claims.json"), "{failed}");
}

#[test]
fn the_file_is_whole_at_every_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory);
    store.replace("wan0", everything(), &NOW).unwrap();
    // What a crash in the middle of a write leaves, even by another user.
    let new = directory.path().join("claims.json.new");
    fs::write(&new, "{").unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o400)).unwrap();
    let mut again = open(&directory);
    assert_eq!(again.get("wan0"), everything());
    again.replace("eth0", everything_else(), &NOW).unwrap();
    assert_eq!(open(&directory).names(), ["eth0", "wan0"]);
    assert!(!new.exists());
}

fn everything_else() -> Claims {
    claims(&[Decision::Override(Options::default())])
}

proptest! {
    #[test]
    fn no_file_makes_it_fall_over(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = File::parse(&text);
    }
}

#[test]
fn a_file_of_version_0_2_is_read_and_a_correction_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let old = r#"{"version": 1, "boot": "boot", "boottime_usec": 1, "wall_usec": 2, "links": {
        "wan0": {"granted": true, "top_ups": [{
            "id": "0123456789abcdef0123456789abcdef", "bytes": 7, "owner_uid": 1000,
            "owner": "anna", "reason": "", "at_usec": 5}]}}}"#;
    fs::write(directory.path().join(FILE), old).unwrap();
    let mut store = open(&directory);
    let mut kept = store.get("wan0");
    assert_eq!(
        (kept.top_ups[0].bytes, kept.top_ups[0].used_bytes),
        (7, None)
    );
    let decision = Decision::Correct(73_200_000_000, Options::default());
    let id = || Ok("f".repeat(32));
    kept.decide(&decision, &author(), &NOW, id).unwrap();
    store.replace("wan0", kept.clone(), &NOW).unwrap();
    let found = open(&directory).get("wan0");
    assert_eq!(found, kept);
    let correction = &found.top_ups[1];
    assert_eq!(
        (correction.bytes, correction.used_bytes),
        (0, Some(73_200_000_000))
    );
}
