//! What the guard should do, told as simply as possible: whole hours, dollars, three tiers.

/// What Azure says.
pub(super) struct Report {
    /// The hour at which its month began.
    pub(super) month: i64,
    /// Dollars, if it knows any cost.
    pub(super) cost: Option<f64>,
    /// Dollars.
    pub(super) budget: f64,
}

/// What is expected.
pub(super) struct Expected {
    pub(super) tier: Option<usize>,
    pub(super) knowledge: &'static str,
    pub(super) estimate: Option<f64>,
}

/// The hours that a question is good for, and that its cost may lag behind.
const ASK: i64 = 4;
const LAG: i64 = 12;
/// Without fresh knowledge for so long, a tier down.
const STALE: i64 = 36;
/// Percent of the budget up to which tiers hold, and how far below to go back up.
const EDGES: [f64; 2] = [50.0, 90.0];
const SLACK: f64 = 2.0;

pub(super) struct Model {
    sent: fn(i64) -> u64,
    month: fn(i64) -> i64,
    price: f64,
    /// When it was asked last with success, and that answer.
    asked: Option<(i64, i64)>,
    /// The last cost: hour, month, dollars.
    cost: Option<(i64, i64, f64)>,
    budget: Option<f64>,
    tier: Option<usize>,
    /// The tier of the last full knowledge, and its month.
    sure: Option<(usize, i64)>,
    /// How many tiers were gone down since.
    down: i64,
    pub(super) answered: usize,
}

impl Model {
    pub(super) fn new(sent: fn(i64) -> u64, month: fn(i64) -> i64, price: f64) -> Self {
        Self {
            sent,
            month,
            price,
            asked: None,
            cost: None,
            budget: None,
            tier: None,
            sure: None,
            down: 0,
            answered: 0,
        }
    }

    /// An hour later; `report` is what Azure would say if it were asked, if anything.
    pub(super) fn step(&mut self, now: i64, report: Option<Report>) -> Expected {
        let month = (self.month)(now);
        let is_due = self
            .asked
            .is_none_or(|(at, of)| now - at >= ASK || of != month);
        if let Some(report) = report.filter(|_| is_due) {
            self.answered += 1;
            self.asked = Some((now, report.month));
            self.budget = Some(report.budget);
            if let Some(cost) = report.cost {
                self.cost = Some((now, report.month, cost));
            }
        }
        let (knowledge, estimate, silent) = self.known(now, month);
        let percent = estimate
            .zip(self.budget)
            .map(|(it, budget)| it / budget * 100.0);
        self.decide(knowledge == "fresh", percent, month, silent);
        Expected {
            tier: self.tier,
            knowledge,
            estimate,
        }
    }

    /// How well the cost is known, what it is by now, and since how many hours it is not fresh.
    fn known(&self, now: i64, month: i64) -> (&'static str, Option<f64>, i64) {
        let flowed = |since: i64| {
            let bytes: u64 = (since..now).map(self.sent).sum();
            bytes as f64 / 1e9 * self.price
        };
        match self.cost {
            None => ("unknown", None, now),
            Some((at, of, _)) if of != month => {
                let silent = (now - at - 2 * ASK).max(now - month);
                ("unknown", Some(flowed(month)), silent)
            }
            Some((at, _, cost)) => {
                let estimate = Some(cost + flowed((at - LAG).max(month)));
                let silent = now - at - 2 * ASK;
                let word = if silent >= 0 { "stale" } else { "fresh" };
                (word, estimate, silent.max(0))
            }
        }
    }

    fn decide(&mut self, is_fresh: bool, percent: Option<f64>, month: i64, silent: i64) {
        let asks = |slack: f64| {
            let percent = percent.unwrap_or(0.0);
            EDGES
                .iter()
                .position(|edge| percent <= edge - slack)
                .unwrap_or(EDGES.len())
        };
        if is_fresh {
            let to = match self.sure {
                // Down at the edge, up only some way below it.
                Some((from, of)) if of == month => asks(0.0).max(from.min(asks(SLACK))),
                _ => asks(0.0),
            };
            (self.tier, self.sure, self.down) = (Some(to), Some((to, month)), 0);
            return;
        }
        let due = silent / STALE;
        let more = (due - self.down).max(0);
        self.down = self.down.max(due);
        if let Some(tier) = self.tier {
            let lower = tier + usize::try_from(more).unwrap();
            self.tier = Some(lower.max(asks(0.0)).min(EDGES.len()));
        }
    }
}
