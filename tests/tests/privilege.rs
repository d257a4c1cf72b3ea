//! What bwflowd may do, who may call it, and what it serves.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::process::{Process, program, source};
use bwflow_tests::rig::{DAEMON_USER, HELPER_USER, Rig};
use nix::unistd::User;

fn status(process: &Process) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect()
}

#[test]
fn started_as_root_it_keeps_one_capability_and_another_user() {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    let daemon = status(rig.daemon.as_ref().unwrap());
    // CAP_NET_ADMIN is number 12.
    for set in ["CapEff", "CapPrm"] {
        assert_eq!(daemon[set], "0000000000001000", "{set}");
    }
    for set in ["CapInh", "CapAmb", "CapBnd"] {
        assert_eq!(daemon[set], "0000000000000000", "{set}");
    }
    assert_eq!(daemon["NoNewPrivs"], "1");
    let user = User::from_name(DAEMON_USER).unwrap().unwrap();
    assert_eq!(
        daemon["Uid"].split_whitespace().collect::<Vec<_>>(),
        vec![user.uid.to_string(); 4]
    );
    assert_eq!(
        daemon["Gid"].split_whitespace().collect::<Vec<_>>(),
        vec![user.gid.to_string(); 4]
    );
    assert_eq!(daemon["Groups"], "");
    let helper = status(rig.helper.as_ref().unwrap());
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
        assert_eq!(helper[set], "0000000000000000", "{set}");
    }
}

#[test]
fn without_the_capability_it_says_how_to_give_it() {
    let rig = Rig::new();
    let output = Command::new("setpriv")
        .args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"])
        .arg(program("bwflowd"))
        .args(["--user", DAEMON_USER, "--helper-user", HELPER_USER])
        .args(["--address", &rig.bus.address(), "--runtime-directory"])
        .arg(rig.directory().join("run"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("CAP_NET_ADMIN is missing"), "{text}");
    assert!(text.contains("AmbientCapabilities=CAP_NET_ADMIN"), "{text}");
    assert!(text.contains("setcap cap_net_admin=ep"), "{text}");
}

#[test]
fn a_user_that_does_not_exist_is_named_with_the_cure() {
    let rig = Rig::new();
    let output = rig
        .daemon_command()
        .args(["--user", "no-such-user"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "--user twice is wrong usage");
    let output = Command::new(program("bwflowd"))
        .args([
            "--helper-user",
            "no-such-user",
            "--address",
            &rig.bus.address(),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("no-such-user"), "{text}");
    assert!(text.contains("useradd --system"), "{text}");
}

/// Calls a method by `dbus-send` as a user; the reply, or the error.
fn call(rig: &Rig, user: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            user,
            "--regid",
            "nogroup",
            "--clear-groups",
            "dbus-send",
        ])
        .arg(format!("--bus={}", rig.bus.address()))
        .args(["--print-reply=literal", "--dest=org.bwflow1"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

const FORGET: [&str; 3] = ["/org/bwflow1", "org.bwflow1.Enforcer.Forget", "string:wan0"];
const STATE: [&str; 4] = [
    "/org/bwflow1/link/wan0",
    "org.freedesktop.DBus.Properties.Get",
    "string:org.bwflow1.Link",
    "string:State",
];

#[test]
fn everybody_may_read_and_only_the_helper_may_grant() {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", Duration::from_secs(5));
    for user in ["root", "games", DAEMON_USER] {
        assert!(
            call(&rig, user, &STATE).unwrap().contains("throttled"),
            "{user}"
        );
        let error = call(&rig, user, &FORGET).unwrap_err();
        assert!(error.contains("AccessDenied"), "{user}: {error}");
        assert_eq!(rig.state_word(), "throttled", "a denial changes nothing");
    }
    call(&rig, HELPER_USER, &FORGET).unwrap();
}

#[test]
fn the_daemon_refuses_others_even_when_the_bus_lets_them_through() {
    // The bus's policy admits root here, the daemon only the helper's user.
    let mut rig = Rig::for_daemon();
    let mut command = rig.daemon_command();
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_str().unwrap().replace("root", HELPER_USER))
        .collect();
    command = Command::new("ip");
    rig.start_daemon_by(command.args(arguments));
    let confirm = [
        "/org/bwflow1",
        "org.bwflow1.Enforcer.ConfirmTopUps",
        "string:wan0",
        "array:string:0123",
    ];
    for method in [&FORGET[..], &confirm[..]] {
        let error = call(&rig, "root", method).unwrap_err();
        assert!(error.contains("AccessDenied"), "{error}");
        assert!(error.contains("only bwflow-helper"), "{error}");
    }
}

#[test]
fn nonsense_from_the_helper_s_user_is_refused_and_changes_nothing() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    for name in ["", "a/b", "..", "sixteen-letters-", "two words"] {
        let call = [
            "/org/bwflow1",
            "org.bwflow1.Enforcer.PublishLedger",
            &format!("string:{name}"),
        ];
        assert!(self::call(&rig, "root", &call).is_err(), "{name:?}");
    }
    let links = call(
        &rig,
        "root",
        &[
            "/org/bwflow1",
            "org.freedesktop.DBus.Properties.Get",
            "string:org.bwflow1.Manager",
            "string:Links",
        ],
    );
    assert!(!links.unwrap().contains("/link/"));
    assert!(rig.daemon.as_mut().unwrap().runs());
}

/// The text of one interface in introspection data.
fn interface<'a>(xml: &'a str, name: &str) -> &'a str {
    let begin = xml
        .find(&format!("<interface name=\"{name}\">"))
        .unwrap_or_else(|| panic!("{xml}"));
    let end = xml[begin..].find("</interface>").unwrap() + begin + "</interface>".len();
    &xml[begin..end]
}

#[test]
fn the_committed_xml_is_what_is_served() {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    let served = [
        ("org.bwflow1", "/org/bwflow1", "org.bwflow1.Manager"),
        ("org.bwflow1", "/org/bwflow1", "org.bwflow1.Enforcer"),
        ("org.bwflow1", "/org/bwflow1/link/wan0", "org.bwflow1.Link"),
        (
            "org.bwflow1.Helper",
            "/org/bwflow1/helper",
            "org.bwflow1.Helper",
        ),
    ];
    for (destination, path, name) in served {
        let introspect = [path, "org.freedesktop.DBus.Introspectable.Introspect"];
        let output = Command::new("dbus-send")
            .arg(format!("--bus={}", rig.bus.address()))
            .args(["--print-reply=literal", &format!("--dest={destination}")])
            .args(introspect)
            .output()
            .unwrap();
        let xml = String::from_utf8(output.stdout).unwrap();
        let text = format!(
            "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n  {}\n\
             </node>\n",
            interface(&xml, name)
        );
        let file = source().join(format!("dbus/{name}.xml"));
        if std::env::var_os("BWFLOW_WRITE_XML").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&file).unwrap_or_default(),
            text,
            "{}: run this test with BWFLOW_WRITE_XML=1 to write it anew",
            file.display()
        );
    }
}
