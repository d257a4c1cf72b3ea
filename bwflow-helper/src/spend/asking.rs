//! How often the cloud is asked.

use std::time::Duration;

use bwflow_proto::config::Spend;
use serde::{Deserialize, Serialize};

use super::failing::Failing;
use super::guard::Occasion;
use super::knowledge::server_usec;
use super::moment::Moment;
use super::record::Record;
use super::usec;
use crate::azure::Trouble;
use crate::clock::Clock;

/// Nobody may have the cloud asked more often, whatever happens.
const LEAST: Duration = Duration::from_secs(60);

/// When the cloud was asked last, and with what success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// When it was asked.
    pub at: Option<Moment>,
    /// How often in a row it has failed since; also while no answer is there yet.
    pub failures: u32,
    /// How long the cloud wants to be left alone since then, microseconds.
    pub rest_usec: i64,
    /// Whether it is of no use to ask again until somebody changes something.
    pub is_definite: bool,
    /// What is wrong.
    pub failing: Option<Failing>,
}

impl Asking {
    /// The question is on its way. Until there is an answer this is a failure, so that a helper that
    /// dies of the question does not ask it over and over again.
    pub fn begin(&mut self, now: Moment) {
        self.at = Some(now);
        self.failures = self.failures.saturating_add(1);
        self.rest_usec = 0;
        self.is_definite = false;
    }

    /// There is an answer.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }

    /// There is none.
    pub fn fail(&mut self, trouble: &Trouble) {
        self.rest_usec = trouble.retry_after.map_or(0, usec);
        self.is_definite = trouble.is_definite;
    }
}

/// In how many microseconds the cloud is to be asked; 0 for now.
pub fn wait_usec(config: &Spend, record: &Record, clock: &Clock, occasion: Occasion) -> i64 {
    let asking = &record.asking;
    let Some(at) = &asking.at else { return 0 };
    let least = usec(LEAST).max(asking.rest_usec);
    let after = match (occasion, asking.failures) {
        (Occasion::Hand, _) => least,
        (Occasion::Timer, 0) => usec(config.cost_interval),
        (Occasion::Timer, _) if asking.is_definite => usec(config.check_interval),
        (Occasion::Timer, failures) => {
            let doubled = usec(LEAST) << (failures - 1).min(10);
            doubled.min(usec(config.check_interval))
        }
    };
    let wait = after.max(least).saturating_sub(at.age_usec(clock));
    // A new period has another cost and maybe another budget.
    let until_period = match (&record.server, server_usec(record, clock), asking.failures) {
        (Some(server), Some(now), 0) => server.period.end_usec.saturating_sub(now),
        _ => i64::MAX,
    };
    let soonest = least.saturating_sub(at.age_usec(clock));
    wait.min(until_period.max(soonest)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::{Cost, TroubleKind};
    use crate::period::Period;
    use crate::spend::decision::tests::{HOUR, at, config};

    const MINUTE: i64 = 60_000_000;

    fn minutes(record: &Record, clock: &Clock, occasion: Occasion) -> i64 {
        wait_usec(&config(), record, clock, occasion).div_euclid(MINUTE)
    }

    #[test]
    fn failures_are_tried_again_ever_more_seldom_and_never_within_a_minute() {
        let mut record = Record::default();
        let now = at(0, 1);
        assert_eq!(minutes(&record, &now, Occasion::Timer), 0);
        let trouble = Trouble::passing(TroubleKind::Unreachable, "nobody there");
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            record.asking.begin(Moment::of(&now));
            record.asking.fail(&trouble);
            assert_eq!(minutes(&record, &now, Occasion::Timer), expected);
            assert_eq!(minutes(&record, &now, Occasion::Hand), 1);
        }
        assert_eq!(minutes(&record, &at(MINUTE, 1), Occasion::Hand), 0);
        assert_eq!(minutes(&record, &at(HOUR, 1), Occasion::Timer), 0);
        // What the cloud wants goes before, also by hand.
        record.asking.fail(&Trouble {
            retry_after: Some(Duration::from_secs(7200)),
            ..trouble
        });
        assert_eq!(minutes(&record, &now, Occasion::Timer), 120);
        assert_eq!(minutes(&record, &now, Occasion::Hand), 120);
        // A helper that dies of the question has failed, too.
        let mut record = Record::default();
        record.asking.begin(Moment::of(&now));
        assert_eq!(minutes(&record, &now, Occasion::Timer), 1);
        record
            .asking
            .fail(&Trouble::definite(TroubleKind::Denied, "no role"));
        assert_eq!(minutes(&record, &now, Occasion::Timer), 60);
    }

    #[test]
    fn an_answer_lasts_for_its_time_or_until_the_period_ends() {
        let mut record = Record::default();
        let now = at(0, 1);
        record.asking.begin(Moment::of(&now));
        record.asking.succeed();
        let cost = |end_usec| Cost {
            amount: None,
            currency: None,
            server_usec: 0,
            period: Period {
                start_usec: -1,
                end_usec,
            },
        };
        record.learn(&cost(100 * HOUR), &Moment::of(&now));
        assert_eq!(minutes(&record, &now, Occasion::Timer), 240);
        assert_eq!(minutes(&record, &at(HOUR, 2), Occasion::Timer), 180);
        record.learn(&cost(HOUR), &Moment::of(&now));
        assert_eq!(minutes(&record, &now, Occasion::Timer), 60);
        record.learn(&cost(1), &Moment::of(&now));
        assert_eq!(minutes(&record, &now, Occasion::Timer), 1);
    }
}
