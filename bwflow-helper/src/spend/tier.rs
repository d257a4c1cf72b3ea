//! Which tier a share of the budget asks for.

use bwflow_proto::config::Tier;

/// The first tier that holds for a share, hundredths of a percent. Edges belong to the tier before:
/// off above 90 % means that 90.00 % is not off.
pub fn strict(tiers: &[Tier], share: i64) -> usize {
    let holds = |tier: &Tier| share <= edge(tier);
    tiers.iter().position(holds).unwrap_or_else(|| last(tiers))
}

/// The tier to go to from `current`: down as soon as an edge is passed, up only once the share is
/// `hysteresis` (hundredths of a percent) under the edge, and only if `may_raise`.
pub fn choose(
    tiers: &[Tier],
    current: usize,
    share: i64,
    hysteresis: u32,
    may_raise: bool,
) -> usize {
    let strict = strict(tiers, share);
    if strict >= current {
        return strict;
    }
    if !may_raise {
        return current;
    }
    // An edge nearer to zero than the hysteresis could else never be passed upwards.
    let clears = |tier: &Tier| share <= edge(tier).saturating_sub(hysteresis.into()).max(0);
    tiers
        .iter()
        .position(clears)
        .map_or(current, |cleared| cleared.min(current))
}

/// The strictest tier.
pub fn last(tiers: &[Tier]) -> usize {
    tiers.len().saturating_sub(1)
}

fn edge(tier: &Tier) -> i64 {
    tier.up_to.map_or(i64::MAX, i64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn tiers(edges: &[u32]) -> Vec<Tier> {
        let tier = |(index, up_to)| Tier {
            name: format!("t{index}"),
            up_to,
            bitrate: None,
            link_rate: None,
            off: false,
        };
        let edges = edges.iter().copied().map(Some).chain([None]);
        edges.enumerate().map(tier).collect()
    }

    #[test]
    fn edges_belong_to_the_tier_before_and_the_way_up_has_slack() {
        let tiers = tiers(&[5_000, 9_000]);
        for (share, expected) in [
            (-1, 0),
            (0, 0),
            (5_000, 0),
            (5_001, 1),
            (9_000, 1),
            (9_001, 2),
            (i64::MAX, 2),
        ] {
            assert_eq!(strict(&tiers, share), expected, "{share}");
        }
        for (current, share, expected) in [
            (2, 9_000, 2),
            (2, 8_801, 2),
            (2, 8_800, 1),
            (2, 4_801, 1),
            (2, 4_800, 0),
            (1, 4_801, 1),
            (1, 4_800, 0),
            (0, 5_000, 0),
            (0, 9_001, 2),
        ] {
            assert_eq!(
                choose(&tiers, current, share, 200, true),
                expected,
                "{current} {share}"
            );
            let held = choose(&tiers, current, share, 200, false);
            assert_eq!(held, expected.max(current), "{current} {share}");
        }
    }

    #[test]
    fn an_edge_under_the_hysteresis_can_be_passed_upwards() {
        assert_eq!(choose(&tiers(&[100]), 1, 0, 200, true), 0);
        assert_eq!(choose(&tiers(&[100]), 1, 1, 200, true), 1);
    }

    proptest! {
        #[test]
        fn it_is_monotone_settles_at_once_and_never_rises_unless_it_may(
            edges in prop::collection::btree_set(0u32..20_000, 0..6),
            current in 0usize..7,
            share in -100i64..21_000,
            more in 0i64..21_000,
            hysteresis in 0u32..2_000,
            may_raise: bool,
        ) {
            let tiers = tiers(&edges.into_iter().collect::<Vec<_>>());
            let current = current.min(last(&tiers));
            let to = choose(&tiers, current, share, hysteresis, may_raise);
            prop_assert!(to < tiers.len());
            prop_assert!(may_raise || to >= current);
            prop_assert!(to >= strict(&tiers, share));
            prop_assert_eq!(choose(&tiers, to, share, hysteresis, may_raise), to);
            prop_assert!(choose(&tiers, current, share + more, hysteresis, may_raise) >= to);
        }
    }
}
