//! The verbs as tests call them, and a link to call them for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Answer;
use crate::config::young;
use crate::rig::Rig;
use crate::wait::wait_for;

/// Somebody without any privilege.
pub const USER: &str = "games";
/// Somebody else without any privilege.
pub const OTHER: &str = "man";

/// The polkit action of `Throttle` and `ClearThrottle`.
pub const THROTTLE: &str = "org.bwflow1.throttle";
/// The polkit action of `Override` and `ClearOverride`.
pub const OVERRIDE: &str = "org.bwflow1.override";
/// The polkit action of `TopUp`.
pub const TOP_UP: &str = "org.bwflow1.top-up";

/// The polkit action of `Correct`.
pub const CORRECT: &str = "org.bwflow1.correct";

/// Every verb with arguments that make sense, and the action it needs.
pub fn verbs() -> [(&'static str, Value, &'static str); 6] {
    let hour = 3_600_000_000_u64;
    [
        (
            "Throttle",
            json!({"number": 625_000, "options": {"DurationUSec": hour, "Reason": "a test"}}),
            THROTTLE,
        ),
        ("ClearThrottle", json!({}), THROTTLE),
        (
            "Override",
            json!({"options": {"DurationUSec": hour}}),
            OVERRIDE,
        ),
        ("ClearOverride", json!({}), OVERRIDE),
        ("TopUp", json!({"number": 1_000_000}), TOP_UP),
        ("Correct", json!({"number": 73_200_000}), CORRECT),
    ]
}

/// A throttled link whose helper has gone, so that nothing changes unless somebody decides it.
pub fn quiet_rig() -> Rig {
    let mut rig = Rig::new();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", Duration::from_secs(5));
    settle(&mut rig);
    rig
}

/// Ends the helper.
///
/// # Panics
/// When there is none.
pub fn settle(rig: &mut Rig) {
    rig.helper.take().unwrap().terminate();
    wait_for("the helper's leaving", Duration::from_secs(5), || {
        rig.owner("org.bwflow1.Helper").is_none().then_some(())
    });
}

/// A call with one argument more.
pub fn with(call: &Value, key: &str, value: Value) -> Value {
    let mut call = call.clone();
    call[key] = value;
    call
}

/// A call that lets polkit ask for a password.
pub fn interactive(call: &Value) -> Value {
    with(call, "interactive", json!(true))
}

/// Whether a call was refused by this error, with this in its text.
///
/// # Panics
/// When it was not.
pub fn assert_refused(answer: &Answer, error: &str, text: &str) {
    assert_eq!(answer.error, error, "{answer:?}");
    assert!(answer.text.contains(text), "{text:?} is not in {answer:?}");
}
