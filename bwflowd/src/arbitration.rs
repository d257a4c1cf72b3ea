//! Who decides when several speak: an override beats a throttle, and a throttle caps the grant.

/// What administrators demand of a link, rates in bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The override's rate; 0 lifts every limit.
    pub override_rate: Option<u64>,
    /// The manual throttle's rate.
    pub throttle: Option<u64>,
}

/// What a grant has to say about the link, rates in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What the link is held to when nothing is left.
    pub rate: u64,
    /// A cap while bytes are left; 0 is none.
    pub peak: u64,
}

/// What is to be done, rates in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing of ours may be on the link.
    Lift,
    /// The link is held to this rate, whatever is left.
    Flat(u64),
    /// The grant decides.
    Grant {
        /// How fast what is left may flow; 0 is no cap.
        peak: u64,
    },
}

impl Demands {
    /// Decides between the demands and a grant, if there is one.
    pub fn rule(&self, budget: Option<Budget>) -> Ruling {
        match (self.override_rate, self.throttle, budget) {
            (Some(0), _, _) | (None, None, None) => Ruling::Lift,
            (Some(rate), _, _) | (None, Some(rate), None) => Ruling::Flat(rate),
            (None, throttle, Some(budget)) => Ruling::Grant {
                peak: match throttle {
                    Some(rate) if budget.peak > 0 => rate.min(budget.peak),
                    Some(rate) => rate,
                    None => budget.peak,
                },
            },
        }
    }

    /// Whether the throttle, and not the grant, is what holds a link that is held to `rate`.
    pub fn throttle_decides(&self, rate: u64) -> bool {
        self.throttle
            .is_some_and(|throttle| rate > 0 && rate >= throttle)
    }

    /// Whether nobody demands anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates() -> impl Strategy<Value = Option<u64>> {
        prop::option::of(1u64..1_000_000_000_000)
    }

    fn budgets() -> impl Strategy<Value = Option<Budget>> {
        let some = (1u64..1 << 40, 0u64..1 << 40).prop_map(|(rate, peak)| Budget { rate, peak });
        prop::option::of(some)
    }

    /// The fastest that a ruling lets a link go with or without bytes left; `None` is no limit.
    fn allowed(ruling: Ruling, budget: Option<Budget>, left: bool) -> Option<u64> {
        match ruling {
            Ruling::Lift => None,
            Ruling::Flat(rate) => Some(rate),
            Ruling::Grant { peak } => {
                let cap = (peak > 0).then_some(peak);
                let rate = budget.map(|budget| budget.rate).filter(|_| !left);
                cap.into_iter().chain(rate).min()
            }
        }
    }

    proptest! {
        #[test]
        fn an_override_beats_everything(rate in 0u64..1 << 40, throttle in rates(), budget in budgets()) {
            let demands = Demands { override_rate: Some(rate), throttle };
            let expected = if rate == 0 { Ruling::Lift } else { Ruling::Flat(rate) };
            prop_assert_eq!(demands.rule(budget), expected);
        }

        #[test]
        fn a_throttle_never_lets_more_through_than_without_it(
            rate in 1u64..1 << 40,
            budget in budgets(),
            left: bool,
        ) {
            let demands = Demands { override_rate: None, throttle: Some(rate) };
            let with = allowed(demands.rule(budget), budget, left);
            let without = allowed(Demands::default().rule(budget), budget, left);
            prop_assert!(with.is_some_and(|with| with <= rate));
            prop_assert!(without.is_none_or(|without| with <= Some(without)));
            // And it is as fast as both allow.
            prop_assert_eq!(with, Some(without.map_or(rate, |without| without.min(rate))));
        }

        #[test]
        fn what_has_ended_leaves_no_trace(budget in budgets()) {
            let expected = budget.map_or(Ruling::Lift, |budget| Ruling::Grant { peak: budget.peak });
            prop_assert_eq!(Demands::default().rule(budget), expected);
        }
    }

    #[test]
    fn the_throttle_is_named_while_nothing_is_slower() {
        let demands = Demands {
            override_rate: None,
            throttle: Some(1000),
        };
        assert!(demands.throttle_decides(1000));
        assert!(!demands.throttle_decides(999));
        assert!(!demands.throttle_decides(0), "there is no limit at all");
        assert!(!Demands::default().throttle_decides(1000));
    }
}
