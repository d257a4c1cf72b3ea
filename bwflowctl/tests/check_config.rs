//! The program and the files it is given to check.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn check(words: &[&str]) -> Output {
    // What hangs is ended, and 124 is no exit code of the program's.
    Command::new("timeout")
        .args(["10", env!("CARGO_BIN_EXE_bwflowctl"), "check-config"])
        .args(words)
        .output()
        .unwrap()
}

fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{name}"));
    fs::write(&path, text).unwrap();
    path
}

fn plan(interface: &str) -> String {
    format!("bandwidth.monthly_budget_gb = 100\nnetwork.interface = \"{interface}\"\n")
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let pipe = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check-pipe");
    let _ = fs::remove_file(&pipe);
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for path in ["/dev/zero", pipe.to_str().unwrap(), "/"] {
        let output = check(&[path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_json_too() {
    let output = check(&["--json", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(2));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["valid"], false);
    assert_eq!(told["problems"][0]["severity"], "error");
    assert!(
        told["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("No such file")
    );
}

#[test]
fn an_interface_that_is_not_there_is_noted_below_the_table() {
    let absent = file("absent.toml", plan("bwflow-none0"));
    let script = format!(
        "'{}' check-config '{}' 2>&1",
        env!("CARGO_BIN_EXE_bwflowctl"),
        absent.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains(".\n\nnote: `bwflow-none0`: no such interface now\n"),
        "{told}"
    );
    let present = file("present.toml", plan("lo"));
    let output = check(&[present.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn nothing_in_a_file_or_its_name_reaches_the_terminal_as_a_command() {
    let junk = file("\u{1b}[2Jjunk", b"\x7fELF\x02\x00\x1b[2J\xff\xc2\x9b31m");
    let output = check(&[junk.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("\\u{1b}"), "{told}");
    assert!(
        !told.contains(|c: char| c.is_control() && c != '\n'),
        "{told:?}"
    );
}
