//! The privileged program stays small: no HTTP, TLS, SQLite or TOML in it.

#![allow(clippy::unwrap_used)]

use bwflow_tests::process::source;

#[test]
fn bwflowd_links_no_http_tls_sqlite_or_toml() {
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(source())
        .args([
            "tree",
            "--locked",
            "-p",
            "bwflowd",
            "-e",
            "normal,no-proc-macro",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        crates.contains(&"zbus"),
        "this is not bwflowd's tree: {tree}"
    );
    let forbidden = [
        "hyper",
        "reqwest",
        "http",
        "h2",
        "ureq",
        "rustls",
        "native-tls",
        "openssl",
        "ring",
        "aws-lc",
        "rusqlite",
        "sqlite",
        "toml",
        "jiff",
        "chrono",
    ];
    for name in crates {
        let guilty = forbidden.iter().find(|word| {
            name == **word
                || name.starts_with(&format!("{word}-"))
                || name.starts_with(&format!("{word}_"))
                || name.contains("sqlite")
                || name.contains("toml")
        });
        assert_eq!(guilty, None, "{name} must not be in bwflowd");
    }
}
