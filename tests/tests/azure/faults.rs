//! What comes of what goes wrong.

use bwflow_tests::fake::Service::{self, Arm, Imds};
use bwflow_tests::fake::State;
use bwflow_tests::fake::azure::Charge;
use bwflow_tests::fake::fault::{Does, Fault};
use serde_json::{Value, json};

use super::rig::{NOON, Rig};

/// Parts of the paths.
const QUERY: &str = "/query";
const BUDGETS: &str = "/budgets";
const TOKEN: &str = "/oauth2/token";

/// What is wrong, how, and what comes of asking for the cost: `fine`, or a kind of trouble, with `!` where it
/// is definite.
type Case = (&'static str, Box<dyn FnOnce(&mut State)>, &'static str);

/// Something that is set otherwise.
fn odd(name: &'static str, set: fn(&mut State), outcome: &'static str) -> Case {
    (name, Box::new(set), outcome)
}

/// Something that fails.
fn bad(name: &'static str, fault: Fault, outcome: &'static str) -> Case {
    (name, Box::new(|state| state.fail(fault)), outcome)
}

fn status(service: Service, status: u16) -> Fault {
    Fault::of(service, Does::status(status, &[]))
}

fn json_of(service: Service, status: u16, body: &Value) -> Fault {
    Fault::of(service, Does::json(status, body))
}

fn typed(service: Service, media: &str, body: &str) -> Fault {
    Fault::of(service, Does::typed(200, media, body))
}

fn throttled(name: &str, seconds: u32) -> Fault {
    let name = name.replace("MS", "x-ms-ratelimit-microsoft");
    Fault::of(Arm, Does::throttled(&name, seconds))
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

fn of_the_identity() -> Vec<Case> {
    let elsewhere = || Fault::of(Imds, Does::redirect("http://127.0.0.1:1/"));
    vec![
        odd("no identity", |it| it.imds.identities.clear(), "Identity!"),
        odd("nobody's", |it| it.imds.subscription.clear(), "Refused!"),
        odd(
            "no subscription",
            |it| it.imds.subscription.replace_range(..1, "6"),
            "Refused!",
        ),
        odd(
            "an odd cloud",
            |it| it.imds.environment.push('X'),
            "Refused!",
        ),
        odd("renewed", |it| it.imds.updating_until = NOON + 69, "fine"),
        odd(
            "renewed for ever",
            |it| it.imds.updating_until = 2 * NOON,
            "Unreachable",
        ),
        odd("short-lived tokens", |it| it.imds.token_life = 30, "fine"),
        bad("fails twice", status(Imds, 500).times(2), "fine"),
        bad("always fails", status(Imds, 500), "Unreachable"),
        bad("no such page", status(Imds, 404), "Identity"),
        bad("forbidden", status(Imds, 403), "Identity!"),
        bad(
            "hangs up once",
            Fault::of(Imds, Does::Close).times(1),
            "fine",
        ),
        bad(
            "half a token",
            Fault::of(Imds, Does::Truncate).at(TOKEN),
            "Unreachable",
        ),
        bad("a page", typed(Imds, "text/html", "<p>"), "Invalid"),
        bad(
            "no token",
            json_of(Imds, 200, &json!({})).at(TOKEN),
            "Invalid",
        ),
        bad("elsewhere", elsewhere().at(TOKEN), "Identity!"),
        bad(
            "a token too old",
            json_of(Arm, 401, &error("Expired", "x")).times(1),
            "fine",
        ),
        bad(
            "never a token",
            json_of(Arm, 401, &error("Expired", "x")),
            "Denied!",
        ),
    ]
}

fn of_the_management() -> Vec<Case> {
    let close = || Fault::of(Arm, Does::Close);
    let offer = error("400", "Cost Management supports only Enterprise Agreement");
    let hints = Does::Headers(vec![("retry-after".into(), "900".into())]);
    let away = Does::status(503, &[("retry-after", "5")]);
    let entity = "MS.costmanagement-entity-retry-after";
    let client = "MS.costmanagement-clienttype-retry-after";
    let consumption = "MS.consumption-retry-after";
    vec![
        odd("no role", |it| it.azure.readers = Some(vec![]), "Denied!"),
        odd(
            "no role, said as 401",
            |it| (it.azure.readers, it.azure.is_denial_401) = (Some(vec![]), true),
            "Denied!",
        ),
        bad("fails once", status(Arm, 500).at(QUERY).times(1), "fine"),
        bad("always fails", status(Arm, 500).at(QUERY), "Unreachable"),
        bad("budgets fail", status(Arm, 502).at(BUDGETS), "Unreachable"),
        bad("away once", Fault::of(Arm, away.clone()).times(1), "fine"),
        bad("always away", Fault::of(Arm, away).at(QUERY), "Unreachable"),
        bad(
            "throttled once",
            throttled("retry-after", 7).times(1),
            "fine",
        ),
        bad(
            "throttled twice",
            throttled(client, 32).at(QUERY).times(2),
            "fine",
        ),
        bad(
            "always throttled",
            throttled(entity, 32).at(QUERY),
            "Throttled",
        ),
        bad(
            "throttled for long",
            throttled(consumption, 900).at(BUDGETS),
            "Throttled",
        ),
        bad("hints with good answers", Fault::of(Arm, hints), "fine"),
        bad("hangs up", close(), "Unreachable"),
        bad("hangs up once", close().at(QUERY).times(1), "fine"),
        bad(
            "lost once",
            Fault::of(Arm, Does::Lose).at(QUERY).times(1),
            "fine",
        ),
        bad(
            "half an answer",
            Fault::of(Arm, Does::Truncate).at(QUERY),
            "Unreachable",
        ),
        bad(
            "without an end",
            Fault::of(Arm, Does::Endless).at(QUERY).times(3),
            "Unreachable",
        ),
        bad(
            "a page for a cost",
            typed(Arm, "text/html", "<p>0").at(QUERY),
            "Invalid",
        ),
        bad(
            "a page for a budget",
            typed(Arm, "text/html", "<p>0").at(BUDGETS),
            "Invalid",
        ),
        bad(
            "broken",
            typed(Arm, "application/json", "{\"a\":").at(QUERY),
            "Invalid",
        ),
        bad(
            "empty",
            typed(Arm, "application/json", "").at(QUERY),
            "Invalid",
        ),
        bad(
            "elsewhere",
            Fault::of(Arm, Does::redirect("/")).at(QUERY),
            "Refused!",
        ),
        bad(
            "no such offer",
            json_of(Arm, 400, &offer).at(QUERY),
            "Refused!",
        ),
        odd(
            "no cost in it",
            |it| it.azure.costs.properties = Some(json!({})),
            "Invalid",
        ),
        odd(
            "no sense of time",
            |it| it.date = Some("now".into()),
            "Invalid",
        ),
        odd(
            "two currencies",
            |it| it.azure.costs.charges.push(euro()),
            "Invalid",
        ),
        odd(
            "another currency",
            |it| it.azure.costs.charges = vec![euro()],
            "Refused!",
        ),
        odd(
            "further pages elsewhere",
            |it| {
                it.azure.next_page_at = Some("https://evil.example".into());
                it.azure.costs.rows_per_currency = 2;
                it.azure.costs.rows_per_page = Some(1);
            },
            "Invalid",
        ),
    ]
}

fn euro() -> Charge {
    Charge {
        currency: "EUR".into(),
        ..Charge::dollars(NOON - 60, 1.0)
    }
}

async fn each(cases: Vec<Case>) {
    for (name, breaks, expected) in cases {
        let mut rig = Rig::new().await;
        breaks(&mut rig.fake.state());
        match rig.spent().await {
            Ok(spent) => assert_eq!((expected, spent), ("fine", Some(45_230_000)), "{name}"),
            Err(trouble) => {
                let mark = if trouble.is_definite { "!" } else { "" };
                assert_eq!(
                    format!("{:?}{mark}", trouble.kind),
                    expected,
                    "{name}: {trouble}"
                );
                let is_told = trouble.retry_after.is_some();
                assert_eq!(
                    is_told,
                    expected == "Throttled" || name == "always away",
                    "{name}"
                );
            }
        }
        // When it is over, it is over.
        let had_faults = !std::mem::take(&mut rig.fake.state().faults).is_empty();
        if had_faults {
            assert_eq!(rig.spent().await, Ok(Some(45_230_000)), "{name}");
        }
    }
}

#[tokio::test]
async fn without_an_identity_there_is_trouble_and_never_another_cost() {
    each(of_the_identity()).await;
}

#[tokio::test]
async fn whatever_the_cloud_says_is_trouble_or_the_right_cost_and_never_another() {
    each(of_the_management()).await;
}

#[tokio::test]
async fn a_missing_role_is_named_with_its_scope() {
    let mut rig = Rig::new().await;
    let budget = rig.budget().await.unwrap();
    rig.fake.state().azure.readers = Some(vec![]);
    let trouble = rig.azure.cost(&budget).await.unwrap_err();
    let scope = format!("--scope /{}", budget.scope);
    for part in ["\"Cost Management Reader\"", &scope, "RBACAccessDenied"] {
        assert!(trouble.text.contains(part), "{trouble}");
    }
}

#[tokio::test]
async fn who_does_not_listen_is_said() {
    for (service, kind) in [(Imds, "Identity"), (Arm, "Unreachable")] {
        let mut rig = Rig::new().await;
        rig.fake.set_reachable(service, false);
        let address = rig.fake.address(service);
        let address = address.trim_start_matches("http://");
        // The door closes a moment later.
        while std::net::TcpStream::connect(address).is_ok() {
            tokio::task::yield_now().await;
        }
        let trouble = rig.spent().await.unwrap_err();
        assert_eq!(format!("{:?}", trouble.kind), kind, "{trouble}");
        assert!(!trouble.is_definite, "{trouble}");
    }
}
