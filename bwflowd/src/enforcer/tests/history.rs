//! Any history of grants, decisions, clock steps, restarts and idle time, beside a model that
//! knows only the rules.

use std::collections::BTreeMap;

use bwflow_proto::claim::Claim;
use proptest::prelude::*;

use super::*;
use crate::clock::usec;

/// What one swap of buckets may let through beside the budget.
const TOLERANCE: u64 = 64 * 1024;

/// What happens.
#[derive(Clone, Debug)]
enum Deed {
    Grant {
        available: i64,
        rate: u64,
        peak: u64,
    },
    Forget,
    Decide(Verb, Span),
    /// The same while nothing can be written down.
    DecideInVain(Verb, Span),
    /// The helper books what waits, and may be killed before it says so.
    Book {
        confirms: bool,
    },
    Step(i64),
    /// The clock is set while the daemon does not run.
    StepAndRestart(i64),
    Restart,
    Reboot(u64),
    Pass {
        seconds: u64,
        wanted: u64,
    },
}

#[derive(Clone, Debug)]
enum Verb {
    Throttle(u64),
    ClearThrottle,
    Override(Option<u64>, Option<u64>),
    ClearOverride,
    TopUp(u64),
}

/// Until when, in seconds from now.
#[derive(Clone, Copy, Debug)]
enum Span {
    Endless,
    For(u64),
    Until(u64),
}

impl Verb {
    fn decision(&self, span: Span, wall_usec: u64) -> Decision {
        let mut options = Options {
            force: Some(true),
            ..Options::default()
        };
        match span {
            Span::Endless => {}
            Span::For(seconds) => options.duration_usec = Some(seconds * 1_000_000),
            Span::Until(seconds) => options.until_usec = Some(wall_usec + seconds * 1_000_000),
        }
        match *self {
            Self::Throttle(rate) => Decision::Throttle(rate, options),
            Self::ClearThrottle => Decision::ClearThrottle,
            Self::Override(rate, top_up) => Decision::Override(Options {
                rate_bytes_per_second: rate,
                top_up_bytes: top_up,
                ..options
            }),
            Self::ClearOverride => Decision::ClearOverride,
            Self::TopUp(bytes) => Decision::TopUp(bytes, Options::default()),
        }
    }
}

/// A claim as the rules have it: its rate, and what is left of it in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    rate: u64,
    left: Option<u64>,
    by_wall: bool,
}

#[derive(Debug, Default)]
struct Model {
    throttle: Option<Rule>,
    override_claim: Option<Rule>,
    pending: Vec<u64>,
    added: u64,
    booked: BTreeMap<String, u64>,
    grant: Option<Grant>,
    /// What may have been sent by now, if anybody knows.
    ceiling: Option<u64>,
}

impl Model {
    fn decide(&mut self, verb: &Verb, span: Span) {
        let rule = |rate| Rule {
            rate,
            left: match span {
                Span::Endless => None,
                Span::For(seconds) | Span::Until(seconds) => Some(seconds * 1_000_000),
            },
            by_wall: matches!(span, Span::Until(_)),
        };
        match *verb {
            Verb::Throttle(rate) => self.throttle = Some(rule(rate)),
            Verb::ClearThrottle => self.throttle = None,
            Verb::Override(rate, top_up) => {
                self.override_claim = Some(rule(rate.unwrap_or(0)));
                self.pending.extend(top_up);
                self.added += top_up.unwrap_or(0);
            }
            Verb::ClearOverride => self.override_claim = None,
            Verb::TopUp(bytes) => {
                self.pending.push(bytes);
                self.added += bytes;
            }
        }
    }

    /// Time has gone by, or the clock was set.
    fn elapse(&mut self, wall_usec: i64, others_usec: u64) {
        for slot in [&mut self.throttle, &mut self.override_claim] {
            if let Some(Rule {
                left: Some(left),
                by_wall,
                ..
            }) = slot
            {
                *left = if *by_wall {
                    left.saturating_add_signed(-wall_usec)
                } else {
                    left.saturating_sub(others_usec)
                };
                if *left == 0 {
                    *slot = None;
                }
            }
        }
    }
}

struct History {
    bench: Option<Bench>,
    model: Model,
    swaps: u64,
}

impl History {
    fn bench(&mut self) -> &mut Bench {
        self.bench.as_mut().unwrap()
    }

    fn enforcer(&mut self) -> &mut Enforcer<Simulator> {
        &mut self.bench().enforcer
    }

    /// The grant is kept, and with it what may have been sent.
    fn restart(&mut self) {
        self.bench = self.bench.take().map(Bench::restart);
    }

    fn step(&mut self, seconds: i64) {
        let ahead = &mut self.enforcer().kernel.ahead_usec;
        *ahead = ahead.checked_add_signed(seconds * 1_000_000).unwrap();
        self.model.elapse(seconds * 1_000_000, 0);
    }

    fn carry_out(&mut self, deed: &Deed) {
        self.swaps += 1;
        match deed {
            Deed::Grant {
                available,
                rate,
                peak,
            } => {
                self.bench().grant_with(*available, |grant| {
                    grant.rate_bytes_per_second = *rate;
                    grant.drip_bytes_per_second = *rate;
                    grant.peak_bytes_per_second = *peak;
                });
                self.model.grant = self.bench().view().grant;
                let sent = self.enforcer().kernel.sent();
                self.model.ceiling = Some(sent + available.unsigned_abs());
                self.swaps = 1;
            }
            Deed::Forget => {
                self.enforcer().forget(NAME).unwrap();
                (self.model.grant, self.model.ceiling) = (None, None);
            }
            Deed::Decide(verb, span) => {
                let wall_usec = self.enforcer().kernel.wall_usec();
                self.bench()
                    .decide(&verb.decision(*span, wall_usec))
                    .unwrap();
                self.model.decide(verb, *span);
            }
            Deed::DecideInVain(verb, span) => {
                // The very same decision at the very same moment would change nothing.
                self.carry_out(&Deed::Pass {
                    seconds: 1,
                    wanted: 0,
                });
                let wall_usec = self.enforcer().kernel.wall_usec();
                let decision = verb.decision(*span, wall_usec);
                let directory = self.bench().directory.path().to_owned();
                let away = directory.with_extension("away");
                std::fs::rename(&directory, &away).unwrap();
                let refused = self.bench().decide(&decision);
                std::fs::rename(&away, &directory).unwrap();
                let nothing_to_do = match verb {
                    Verb::ClearThrottle => self.model.throttle.is_none(),
                    Verb::ClearOverride => self.model.override_claim.is_none(),
                    _ => false,
                };
                assert_eq!(refused.is_ok(), nothing_to_do, "{refused:?}");
            }
            Deed::Book { confirms } => {
                let waiting = self.bench().view().top_ups;
                for top_up in &waiting {
                    let id = top_up.id.clone();
                    let before = self.model.booked.insert(id, top_up.bytes);
                    assert!(before.is_none_or(|bytes| bytes == top_up.bytes));
                }
                if *confirms {
                    let ids: Vec<_> = waiting.into_iter().map(|it| it.id).collect();
                    self.enforcer().confirm_top_ups(NAME, &ids).unwrap();
                    self.model.pending.clear();
                }
            }
            Deed::Step(seconds) => {
                self.step(*seconds);
                self.enforcer().clock_stepped();
            }
            Deed::StepAndRestart(seconds) => {
                self.step(*seconds);
                self.restart();
            }
            Deed::Restart => self.restart(),
            Deed::Reboot(seconds) => {
                let time = Duration::from_secs(*seconds);
                let usec = usec(time);
                self.model.elapse(i64::try_from(usec).unwrap(), usec);
                self.bench = self.bench.take().map(|bench| bench.reboot(time));
                // Counters begin anew, and nobody knows what is left of the grant.
                (self.model.grant, self.model.ceiling) = (None, None);
            }
            Deed::Pass { seconds, wanted } => {
                let lifted = self.model.override_claim.is_some();
                let time = Duration::from_secs(*seconds);
                self.bench().run(time, *wanted);
                self.model
                    .elapse(i64::try_from(usec(time)).unwrap(), usec(time));
                let sent = self.enforcer().kernel.sent();
                let rate = self
                    .model
                    .grant
                    .as_ref()
                    .map_or(u64::MAX, |grant| grant.rate_bytes_per_second);
                self.model.ceiling = self.model.ceiling.map(|ceiling| {
                    let ceiling = ceiling.saturating_add(rate.saturating_mul(*seconds));
                    if lifted { ceiling.max(sent) } else { ceiling }
                });
            }
        }
    }

    fn check(&mut self) {
        let view = self.bench().view();
        let clock = self.enforcer().clock();
        let model = &self.model;
        let shown = |claim: &Option<Claim>, rule: &Option<Rule>| {
            assert_eq!(claim.is_some(), rule.is_some(), "{claim:?} {rule:?}");
            if let (Some(claim), Some(rule)) = (claim, rule) {
                assert_eq!(claim.rate_bytes_per_second, rule.rate);
                let expires = rule.left.map_or(0, |left| clock.wall_usec + left);
                assert_eq!(claim.expires_usec, expires);
            }
        };
        shown(&view.throttle, &model.throttle);
        shown(&view.override_claim, &model.override_claim);
        let bytes: Vec<_> = view.top_ups.iter().map(|it| it.bytes).collect();
        assert_eq!(bytes, model.pending);
        let waiting = view.top_ups.iter();
        let unbooked = waiting.filter(|it| !model.booked.contains_key(&it.id));
        let total = model.booked.values().sum::<u64>() + unbooked.map(|it| it.bytes).sum::<u64>();
        assert_eq!(total, model.added, "a top-up was lost or doubled");
        self.check_effect(&view);
        let sent = self.enforcer().kernel.sent();
        if let Some(ceiling) = self.model.ceiling {
            let most = ceiling.saturating_add(self.swaps * TOLERANCE);
            assert!(sent <= most, "{sent} of {most}");
        }
    }

    fn check_effect(&mut self, view: &LinkView) {
        let tbf = self.enforcer().kernel.tbf();
        let rate = |rule: &Option<Rule>| rule.map(|rule| rule.rate);
        let word = (view.state.as_str(), view.limit);
        let held = tbf.map_or(0, |tbf| tbf.rate);
        match (
            rate(&self.model.override_claim),
            rate(&self.model.throttle),
            &self.model.grant,
        ) {
            (Some(rate), ..) => {
                assert_eq!(word, ("overridden", rate));
                assert_eq!(held, rate, "0 is no bucket");
            }
            (None, throttle, Some(grant)) => {
                let cap = (grant.peak_bytes_per_second > 0).then_some(grant.peak_bytes_per_second);
                let cap = cap.into_iter().chain(throttle).min();
                let drip = cap.map_or(grant.rate_bytes_per_second, |cap| {
                    cap.min(grant.rate_bytes_per_second)
                });
                match (tbf, view.state.as_str()) {
                    (None, state) => assert_eq!((state, cap), ("open", None)),
                    (Some(tbf), "armed") => {
                        assert_eq!(tbf.peak.map(|peak| peak.rate), cap);
                        assert_eq!(view.limit, cap.unwrap_or(0));
                        assert!(throttle.is_none_or(|rate| Some(rate) > cap));
                    }
                    (Some(_), "throttled") => {
                        // What a throttle left may be a little slower, if that is all there is.
                        let slack = if throttle.is_none() { drip / 100 } else { 0 };
                        assert!((drip - slack..=drip).contains(&held), "{held} of {drip}");
                        assert_eq!(view.limit, held);
                        assert!(throttle.is_none_or(|rate| rate > drip));
                    }
                    (Some(tbf), state) => {
                        assert_eq!((state, Some(view.limit)), ("manual", throttle));
                        let peak = tbf.peak.map_or(0, |peak| peak.rate);
                        assert!(Some(held) == throttle || Some(peak) == throttle, "{tbf:?}");
                    }
                }
            }
            (None, Some(throttle), None) => {
                let peak = tbf.unwrap().peak.map_or(u64::MAX, |peak| peak.rate);
                assert!(held <= throttle && (held == view.limit || peak <= throttle));
                assert!(matches!(word.0, "manual" | "throttled"), "{word:?}");
            }
            (None, None, None) => {
                // Either nothing, or what an earlier run's grant had left.
                assert!(
                    matches!(word.0, "open" | "throttled" | "absent"),
                    "{word:?}"
                );
                assert_eq!(word.0 == "throttled", tbf.is_some());
            }
        }
    }
}

fn rates() -> impl Strategy<Value = u64> {
    prop_oneof![1_000u64..100_000, 100_000u64..200_000_000]
}

fn spans() -> impl Strategy<Value = Span> {
    prop_oneof![
        Just(Span::Endless),
        (1u64..5000).prop_map(Span::For),
        (1u64..5000).prop_map(Span::Until),
    ]
}

fn verbs() -> impl Strategy<Value = Verb> {
    let amounts = || prop::option::weighted(0.3, 1u64..1_000_000_000);
    prop_oneof![
        3 => rates().prop_map(Verb::Throttle),
        1 => Just(Verb::ClearThrottle),
        2 => (prop::option::of(rates()), amounts()).prop_map(|(rate, more)| Verb::Override(rate, more)),
        1 => Just(Verb::ClearOverride),
        1 => (1u64..1_000_000_000).prop_map(Verb::TopUp),
    ]
}

fn deeds() -> impl Strategy<Value = Deed> {
    let steps = || prop_oneof![-5000i64..5000, Just(1_000_000), Just(-1_000_000)];
    let wants = prop_oneof![Just(u64::MAX), Just(0), 0u64..1_000_000];
    prop_oneof![
        2 => (0i64..6_000_000_000, rates(), prop::option::of(rates())).prop_map(
            |(available, rate, peak)| Deed::Grant { available, rate, peak: peak.unwrap_or(0) }
        ),
        1 => Just(Deed::Forget),
        8 => (verbs(), spans()).prop_map(|(verb, span)| Deed::Decide(verb, span)),
        1 => (verbs(), spans()).prop_map(|(verb, span)| Deed::DecideInVain(verb, span)),
        2 => any::<bool>().prop_map(|confirms| Deed::Book { confirms }),
        1 => steps().prop_map(Deed::Step),
        1 => steps().prop_map(Deed::StepAndRestart),
        2 => Just(Deed::Restart),
        1 => (1u64..5000).prop_map(Deed::Reboot),
        8 => (1u64..1000, wants).prop_map(|(seconds, wanted)| Deed::Pass { seconds, wanted }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The link always carries what the arbitration says; no claim is lost or comes back, no
    /// top-up is lost or booked twice, and the budget holds under everything but an override.
    #[test]
    fn every_history_follows_the_rules(deeds in prop::collection::vec(deeds(), 1..40)) {
        let mut history = History {
            bench: Some(Bench::new()),
            model: Model::default(),
            swaps: 0,
        };
        for deed in deeds {
            history.carry_out(&deed);
            history.check();
        }
    }
}
