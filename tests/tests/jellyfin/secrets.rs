//! What nobody may see is nowhere to be seen.

use bwflow_tests::fake::jellyfin::Session;

use crate::rig::Rig;

#[tokio::test]
async fn no_secret_is_in_outcomes_records_or_debug_output() {
    let mut rig = Rig::new("10.11.11").await;
    rig.fake
        .state()
        .jellyfin
        .watch(Session::new(1, "203.0.113.7", 8_000_000));
    let mut seen = String::new();
    for _ in 0..2 {
        let outcome = rig.off().await;
        seen += &format!("{outcome:?} {:?} {:?}", rig.jellyfin, rig.owned);
        seen += &serde_json::to_string(&rig.saved).unwrap();
        let url = rig.fake.jellyfin();
        rig.restart_at(&url, None, "wrongkey");
    }
    let secrets = rig.fake.state().secrets();
    assert!(secrets.len() > 1);
    for secret in secrets.iter().map(String::as_str).chain(["wrongkey"]) {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    assert!(seen.contains("remote_access"));
}
