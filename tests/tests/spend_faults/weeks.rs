//! Seven weeks with two new months in them, hour by hour, against a model that shares no code with
//! the guard.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bwflow_helper::azure::Pause;
use bwflow_helper::clock::Clock;
use bwflow_helper::spend::guard::{Guard, Occasion};
use bwflow_helper::spend::world::{Cap, World};
use bwflow_proto::config::load_str;
use bwflow_tests::fake::azure::{Budget, Charge, Empty};
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::{Fake, Service};

use super::model::{Model, Report};
use super::scene::{HOUR, NOON};

/// Sunday, 22 November 2026, 13:00 UTC: not in step with midnight, by questions every four hours.
const BEGIN: i64 = NOON + HOUR;
/// Until Thursday, 7 January 2027, 12:00 UTC.
const HOURS: i64 = 46 * 24 - 1;
/// How long a charge stays unseen.
const DELAY: i64 = 12 * HOUR;
const TIERS: [(&str, Option<u64>); 3] = [
    ("high", Some(10_000_000)),
    ("medium", Some(2_500_000)),
    ("off", Some(125_000)),
];

/// Hours since the beginning, of a day counted from the first of November.
const fn at(day: i64, hour: i64) -> i64 {
    (day - 22) * 24 + hour - 13
}

const DECEMBER: i64 = at(31, 0);
const JANUARY: i64 = at(62, 0);

/// Dollars charged in the middle of an hour: hour, dollars.
fn charges() -> Vec<(i64, f64)> {
    let mut all = vec![(at(20, 0), 40.0)];
    // What has flowed on the 24th costs half of what the price list says.
    all.extend((at(24, 0)..at(24, 5)).map(|hour| (hour, 3.125)));
    // To and fro around 50 % of 128 dollars for a day, and well below it then.
    all.extend((0..12).map(|step| {
        let dollars = if step % 2 == 0 { 1.25 } else { -1.25 };
        let first = if step == 0 { 8.0 } else { 0.0 };
        (at(26, 2 * step), dollars + first)
    }));
    all.push((at(27, 4), -10.0));
    // December: two dollars a day, much at its end.
    all.push((DECEMBER, 2.0));
    all.extend((2..=31).map(|day| (at(30 + day, 12), 2.0)));
    all.extend([(at(56, 3), 100.0), (at(58, 3), 90.0)]);
    // January: a credit first.
    all.extend([(JANUARY, -5.0), (at(64, 0), 30.0)]);
    all
}

/// Bytes that the link sends in an hour.
fn sent(hour: i64) -> u64 {
    if (at(24, 0)..at(24, 5)).contains(&hour) {
        return 50_000_000_000;
    }
    // Much in an outage: it lowers the tier although nobody reports it.
    if (at(50, 12)..at(50, 20)).contains(&hour) {
        return 170_000_000_000;
    }
    1_000_000
}

/// Whether Azure answers.
fn is_there(hour: i64) -> bool {
    let outages = [at(28, 6)..at(31, 6), at(50, 2)..at(53, 20)];
    !outages.iter().any(|it| it.contains(&hour))
}

/// Dollars.
fn budget(hour: i64) -> f64 {
    if hour < at(40, 9) {
        128.0
    } else if hour < at(45, 9) {
        32.0
    } else {
        256.0
    }
}

fn month(hour: i64) -> i64 {
    match hour {
        it if it < DECEMBER => at(1, 0),
        it if it < JANUARY => DECEMBER,
        _ => JANUARY,
    }
}

/// What Azure says at an hour.
fn report(hour: i64) -> Report {
    let month = month(hour);
    let seen: Vec<_> = charges()
        .into_iter()
        .filter(|(at, _)| *at >= month && *at + DELAY / HOUR < hour)
        .collect();
    let sum = seen.iter().map(|(_, dollars)| dollars).sum();
    Report {
        month,
        cost: (!seen.is_empty()).then_some(sum),
        budget: budget(hour),
    }
}

#[derive(Clone)]
struct Stage {
    hour: Arc<Mutex<i64>>,
    cap: Arc<Mutex<Option<Cap>>>,
}

impl World for Stage {
    fn clock(&self) -> io::Result<Clock> {
        let hour = *self.hour.lock().unwrap();
        Ok(Clock {
            boot: "first".into(),
            usec: (BEGIN + hour * HOUR) * 1_000_000,
            boottime_usec: (1000 + hour) * HOUR * 1_000_000,
        })
    }

    async fn sent(&self, interface: &str, since_usec: i64) -> Option<u64> {
        assert_eq!(interface, "lo");
        let since = (since_usec / 1_000_000 - BEGIN).div_euclid(HOUR);
        Some((since..*self.hour.lock().unwrap()).map(sent).sum())
    }

    async fn cap(&self, cap: Option<&Cap>) {
        *self.cap.lock().unwrap() = cap.cloned();
    }
}

fn config(fake: &Fake) -> bwflow_proto::config::Config {
    let text = format!(
        "[network]\ninterface = \"lo\"\n[bandwidth]\nmonthly_budget_gb = 100\n\
         [spend]\nenabled = true\ncurrency = \"USD\"\nprice_per_gb = 0.125\ninterface = \"lo\"\n\
         cost_delay = \"12h\"\nstale_after = \"36h\"\nhysteresis_percent = 2\n\
         [spend.azure]\nbudget_name = \"Monthly-Bandwidth-Limit\"\ncloud = \"public\"\n\
         endpoint = \"{}\"\nimds_endpoint = \"{}\"\n\
         [[spend.tier]]\nname = \"high\"\nup_to_percent = 50\nlink_rate = \"80 Mbit/s\"\n\
         [[spend.tier]]\nname = \"medium\"\nup_to_percent = 90\nlink_rate = \"20 Mbit/s\"\n\
         [[spend.tier]]\nname = \"off\"\nlink_rate = \"1 Mbit/s\"\n",
        fake.arm(),
        fake.imds(),
    );
    load_str("config.toml", &text).unwrap().config
}

/// Lets the cloud be as it is at this hour.
fn set(fake: &Fake, hour: i64) {
    let mut state = fake.state();
    state.now = Some(BEGIN + hour * HOUR);
    state.azure.budgets = vec![Budget::monthly("Monthly-Bandwidth-Limit", budget(hour))];
    // One month begins with empty rows, the other with empty answers.
    state.azure.costs.empty = if hour < JANUARY {
        Empty::NoRows
    } else {
        Empty::NoContent
    };
    state.faults.clear();
    if !is_there(hour) {
        state.fail(Fault::of(Service::Arm, Does::status(500, &[])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hour_of_seven_weeks_has_the_tier_that_a_simple_model_says() {
    let fake = Fake::start().await;
    {
        let mut state = fake.state();
        state.azure.costs.delay = DELAY;
        let dated = |(hour, dollars)| Charge::dollars(BEGIN + hour * HOUR + HOUR / 2, dollars);
        state.azure.costs.charges = charges().into_iter().map(dated).collect();
    }
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage {
        hour: Arc::default(),
        cap: Arc::default(),
    };
    let open = || {
        Guard::open(directory.path(), &config(&fake), stage.clone())
            .with_patience(Pause::none(), Duration::from_secs(4))
    };
    let mut guard = open();
    let mut model = Model::new(sent, month, 0.125);
    let mut tiers = Vec::new();
    for hour in 0..HOURS {
        *stage.hour.lock().unwrap() = hour;
        set(&fake, hour);
        // A restart in between changes nothing.
        if hour % 100 == 99 {
            guard = open();
        }
        guard.check(Occasion::Timer).await;
        let expected = model.step(hour, is_there(hour).then(|| report(hour)));
        let view = guard.view().unwrap();
        let cap = stage.cap.lock().unwrap().clone();
        let found = (
            view.tier.clone(),
            cap.map(|it| it.bytes_per_second),
            view.knowledge.clone(),
            view.estimate_micros.is_some(),
        );
        let tier = expected.tier.map(|it| TIERS[it]);
        let wanted = (
            tier.map_or("", |it| it.0).to_owned(),
            tier.and_then(|it| it.1),
            expected.knowledge.to_owned(),
            expected.estimate.is_some(),
        );
        assert_eq!(found, wanted, "hour {hour}: {view:#?}");
        let estimate = view.estimate_micros.map_or(0.0, |it| it as f64 / 1e6);
        let off = estimate - expected.estimate.unwrap_or(0.0);
        assert!(off.abs() < 1e-6, "hour {hour}: off by {off}: {view:#?}");
        if tiers.last().is_none_or(|(_, last)| *last != view.tier) {
            tiers.push((hour, view.tier.clone()));
        }
    }
    let tiers: Vec<_> = tiers
        .iter()
        .map(|(hour, it)| (*hour, it.as_str()))
        .collect();
    // By hand, so that guard and model are not wrong together.
    let expected = [
        (0, "high"),
        // 50 GB an hour are 6.25 dollars: from 40 to above 64 in four hours.
        (at(24, 4), "medium"),
        // Half of it is all that is charged.
        (at(24, 17), "high"),
        // 64.875 dollars; to and fro between there and 63.625 for a day without leaving.
        (at(26, 13), "medium"),
        (at(27, 17), "high"),
        // Silent since 5:00: stale from 13:00 on, a tier down 36 hours later.
        (at(30, 1), "medium"),
        // Azure is back, but has no cost of December yet: another 36 hours are over.
        (at(31, 13), "off"),
        (at(31, 14), "high"),
        // 18 dollars of a budget that is 32 now, and 28 of 256.
        (at(40, 10), "medium"),
        (at(45, 10), "high"),
        // Nobody reports it, but 36 dollars and five hours of 21.25 are more than 128; 36 hours after
        // it is stale, a tier down.
        (at(50, 17), "medium"),
        (at(51, 18), "off"),
        (at(53, 20), "high"),
        (at(56, 16), "medium"),
        (at(58, 16), "off"),
        // 16 hours without a cost, and then a credit.
        (at(62, 16), "high"),
    ];
    assert_eq!(tiers, expected);
    let state = fake.state();
    let asked = state.requests(Service::Arm);
    let asked = asked.filter(|it| it.path.ends_with("/query") && it.status < 300);
    let asked = asked.count();
    println!("MEASURED seven weeks: {HOURS} checks, {asked} cost queries");
    assert_eq!(asked, model.answered);
}
