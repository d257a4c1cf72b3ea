//! What bash offers while a command line is typed.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command as Program;

use bwflow_tests::process::source;

/// What bash offers for the last of these words.
fn completed(words: &[&str]) -> Vec<String> {
    completed_in(&source(), words)
}

/// The same in another directory, by what readline would do if the script offered nothing.
fn completed_in(directory: &Path, words: &[&str]) -> Vec<String> {
    let script = source().join("contrib/completions/bwflowctl.bash");
    let line = r#"
        # Only readline, which is not there, could heed it.
        compopt() { :; }
        source "$1"; shift
        spec=$(complete -p bwflowctl); function=${spec#*-F }; function=${function%% *}
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        "$function" bwflowctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        [ ${#COMPREPLY[@]} = 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Program::new("bash")
        .current_dir(directory)
        .args(["--norc", "-c", line, "bash"])
        .arg(script)
        .args(words)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_and_their_flags() {
    assert_eq!(completed(&["bwflowctl", "thr"]), ["throttle"]);
    let offered = completed(&["bwflowctl", "override", "--ad"]);
    assert_eq!(offered, ["--add", "--address"]);
    assert_eq!(completed(&["bwflowctl", "throttle", "--un"]), ["--until"]);
    let flags = completed(&["bwflowctl", "throttle", "--"]);
    for flag in [
        "--for",
        "--reason",
        "--force",
        "--clear",
        "--interface",
        "--no-ask-password",
    ] {
        assert!(
            flags.iter().any(|offered| offered == flag),
            "{flag}: {flags:?}"
        );
    }
    assert!(!flags.iter().any(|offered| offered == "--add"), "{flags:?}");
}

#[test]
fn bash_offers_files_where_one_is_meant_and_nowhere_else() {
    let files = source().join("contrib/examples");
    let offered = |words: &[&str]| completed_in(&files, words);
    for verb in ["throttle", "override"] {
        for flag in ["-i", "--interface", "--for", "--until", "--reason"] {
            for typed in ["", "c"] {
                let words = ["bwflowctl", verb, flag, typed];
                assert_eq!(offered(&words), [typed], "{words:?}");
            }
        }
    }
    for flag in ["--rate", "--add", "--address"] {
        assert_eq!(offered(&["bwflowctl", "override", flag, "c"]), ["c"]);
    }
    for typed in ["", "con"] {
        let words = ["bwflowctl", "check-config", typed];
        assert_eq!(offered(&words), ["config.toml"]);
        let words = ["bwflowctl", "check-config", "--json", typed];
        assert_eq!(offered(&words), ["config.toml"]);
    }
    let flags = offered(&["bwflowctl", "check-config", "--js"]);
    assert_eq!(flags, ["--json"]);
    let first = offered(&["bwflowctl", "throttle", ""]);
    assert!(first.iter().all(|word| word.starts_with('-')), "{first:?}");
}
