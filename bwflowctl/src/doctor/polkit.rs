//! Whether decisions by hand can be authorised.

use super::finding::Finding;

const CHECK: &str = "polkit";
/// Every action this version asks for.
pub(super) const ACTIONS: [&str; 5] = [
    "org.bwflow1.throttle",
    "org.bwflow1.override",
    "org.bwflow1.top-up",
    "org.bwflow1.correct",
    "org.bwflow1.configure",
];

/// Judges polkit by the actions it knows; nothing if it does not answer.
pub(super) fn judge(known: Option<&[String]>) -> Finding {
    let Some(known) = known else {
        return Finding::warning(
            CHECK,
            "does not answer: only root may decide by hand",
            "install it (polkitd), or systemctl start polkit",
        );
    };
    let missing: Vec<&str> = ACTIONS
        .into_iter()
        .filter(|action| !known.iter().any(|id| id == action))
        .collect();
    if missing.is_empty() {
        return Finding::ok(CHECK, "knows every action of bwflow");
    }
    Finding::warning(
        CHECK,
        format!("does not know {}", missing.join(", ")),
        "put polkit/org.bwflow1.policy into /usr/share/polkit-1/actions/ (the package does)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Grade;

    #[test]
    fn a_missing_action_is_named() {
        let mut known: Vec<String> = ACTIONS.map(str::to_owned).to_vec();
        assert_eq!(judge(Some(&known)).grade, Grade::Ok);
        known.remove(0);
        let finding = judge(Some(&known));
        assert_eq!(finding.found, "does not know org.bwflow1.throttle");
        assert_eq!(judge(None).grade, Grade::Warning);
    }
}
