//! The script and the Terraform files that set up Azure for the spend guard.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use bwflow_tests::process::{run, source};
use tempfile::TempDir;

const SUBSCRIPTION: &str = "/subscriptions/5ca1ab1e-0000-4000-8000-000000000000";
const MACHINE: [&str; 4] = ["--resource-group", "rg-tunnel", "--vm", "tunnel"];

/// Azure as the stand-in for `az` sees it.
struct Cloud {
    folder: TempDir,
}

impl Cloud {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let az = source().join("tests/clients/az");
        symlink(az, folder.path().join("bin/az")).unwrap();
        Self { folder }
    }

    fn try_setup(&self, more: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let _ = fs::remove_file(self.folder.path().join("calls"));
        Command::new(source().join("contrib/azure/setup.sh"))
            .args(MACHINE)
            .args(more)
            .env(
                "PATH",
                format!("{}/bin:{path}", self.folder.path().display()),
            )
            .env("AZ_STATE", self.folder.path())
            .output()
            .unwrap()
    }

    /// What it prints.
    fn setup(&self, more: &[&str]) -> String {
        let output = self.try_setup(more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, more: &[&str]) -> String {
        let output = self.try_setup(more);
        assert!(!output.status.success(), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The commands of the last run that change something.
    fn changes(&self) -> Vec<String> {
        let changing = [
            "vm identity assign",
            "role assignment create",
            "rest --method put",
        ];
        let calls = self.file("calls");
        let calls = calls.lines().map(str::to_owned);
        calls
            .filter(|call| changing.iter().any(|it| call.starts_with(it)))
            .collect()
    }
}

#[test]
fn the_script_sets_up_what_is_missing_and_nothing_twice() {
    let cloud = Cloud::new();
    let said = cloud.setup(&["--amount", "150"]);
    assert!(
        said.contains("budget_name = \"Monthly-Bandwidth-Limit\""),
        "{said}"
    );
    assert_eq!(cloud.changes().len(), 3, "{:?}", cloud.changes());
    let role = format!("principal-of-vm Cost Management Reader {SUBSCRIPTION}\n");
    assert_eq!(cloud.file("roles"), role);
    let body: serde_json::Value = serde_json::from_str(&cloud.file("body")).unwrap();
    let properties = &body["properties"];
    assert_eq!(properties["amount"], 150);
    assert_eq!(properties["timeGrain"], "Monthly");
    assert_eq!(properties["category"], "Cost");
    let start = properties["timePeriod"]["startDate"].as_str().unwrap();
    assert!(start.ends_with("-01T00:00:00Z"), "{start}");
    assert_eq!(cloud.setup(&["--amount", "150.00"]), said);
    assert_eq!(cloud.changes(), [""; 0], "the second run");
    assert_eq!(cloud.setup(&[]), said, "it is there: no amount is needed");
}

#[test]
fn a_dry_run_prints_the_commands_and_changes_nothing() {
    let cloud = Cloud::new();
    let output = cloud.try_setup(&["--amount", "150", "--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(cloud.changes(), [""; 0]);
    let talk = String::from_utf8(output.stderr).unwrap();
    for line in [
        "identity: would give ",
        "role: would assign ",
        "budget: would create ",
    ] {
        assert!(talk.contains(line), "{talk}");
    }
    let said = String::from_utf8(output.stdout).unwrap();
    for command in [
        "az vm identity assign ",
        "az role assignment create ",
        "az rest --method put ",
    ] {
        assert!(said.contains(command), "{command} is not in: {said}");
    }
    assert!(said.contains(r"Cost\ Management\ Reader"), "{said}");
}

#[test]
fn the_role_is_no_wider_than_the_budget() {
    let cloud = Cloud::new();
    let identity = format!(
        "{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/bwflow"
    );
    let options = [
        "--scope",
        "resource-group",
        "--identity",
        &identity,
        "--amount",
        "9.50",
        "--email",
        "a@example.com",
    ];
    let said = cloud.setup(&options);
    let group = format!("{SUBSCRIPTION}/resourceGroups/rg-tunnel");
    let role = format!("principal-of-identity Cost Management Reader {group}\n");
    assert_eq!(cloud.file("roles"), role);
    assert!(
        cloud
            .file("budgets")
            .starts_with(&format!("{group}/providers/"))
    );
    assert!(
        cloud
            .file("body")
            .contains("\"contactEmails\":[\"a@example.com\"]")
    );
    assert!(said.contains("resource_group = \"rg-tunnel\""), "{said}");
    assert!(
        said.contains(&format!("msi_res_id = \"{identity}\"")),
        "{said}"
    );
    assert_eq!(cloud.changes().len(), 3, "{:?}", cloud.changes());
    cloud.setup(&options);
    assert_eq!(cloud.changes(), [""; 0], "the second run");
}

#[test]
fn what_cannot_be_is_refused_before_anything_changes() {
    let cloud = Cloud::new();
    for (options, why) in [
        (&["--amount", "0"][..], "--amount 0"),
        (&["--amount", "ten"], "--amount ten"),
        (&["--budget", "a b", "--amount", "1"], "--budget a b"),
        (&["--scope", "tenant", "--amount", "1"], "--scope tenant"),
        (&["--email", "x\"y@z", "--amount", "1"], "--email"),
        (&["--amount"], "--amount needs a value"),
        (
            &["--resource-groop", "x"],
            "--resource-groop: no such argument",
        ),
    ] {
        let said = cloud.refused(options);
        assert!(said.contains(why), "{options:?}: {said}");
        assert_eq!(cloud.changes(), [""; 0]);
    }
    let said = cloud.refused(&[]);
    assert!(said.contains("--amount says what it is to allow"), "{said}");
    assert_eq!(cloud.changes(), [""; 0]);
    fs::write(cloud.folder.path().join("denied"), "").unwrap();
    let said = cloud.refused(&["--amount", "150"]);
    assert!(said.contains("the budget cannot be read"), "{said}");
    assert_eq!(cloud.changes(), [""; 0]);
}

#[test]
fn the_terraform_files_make_budget_identity_and_role() {
    let install = source().join("tests/clients/install");
    let python = run(install.to_str().unwrap(), &[]);
    let check = source().join("tests/clients/terraform.py");
    let folder = source().join("contrib/azure");
    let said = run(
        python.trim(),
        &[check.to_str().unwrap(), folder.to_str().unwrap()],
    );
    assert!(said.contains("4 kinds of resources"), "{said}");
}
