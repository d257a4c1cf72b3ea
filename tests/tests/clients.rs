//! Programs of others: Microsoft's own clients understand the fake of Azure, so that it is no fancy
//! of ours.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use bwflow_tests::process::{Process, program, run, source};

#[test]
fn the_official_clients_understand_the_fake() {
    let install = source().join("tests/clients/install");
    let python = run(install.to_str().unwrap(), &[]);
    let mut cloud = Command::new(program("bwflow-test-cloud"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut addresses = String::new();
    let output = BufReader::new(cloud.stdout.take().unwrap());
    let _cloud = Process::of(cloud);
    let mut output = output;
    output.read_line(&mut addresses).unwrap();
    let check = source().join("tests/clients/check.py");
    let said = run(python.trim(), &[check.to_str().unwrap(), addresses.trim()]);
    assert!(said.contains("requests of the official clients"), "{said}");
    print!("{said}");
}
