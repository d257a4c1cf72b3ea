//! A row of the table, and how it is played.

use super::scene::{HOUR, Scene};

/// Something that goes wrong, and what is expected.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Dollars of 150 that are known to be spent before.
    before: f64,
    /// Dollars that are spent in truth while it goes wrong, and after.
    truth: f64,
    /// What goes wrong.
    fault: Box<dyn FnOnce(&mut Scene) + Send>,
    /// How it ends.
    mend: Box<dyn FnOnce(&mut Scene) + Send>,
    /// Seconds that pass before it is looked at.
    wait: i64,
    /// The tier while it goes wrong, Jellyfin's limit and remote access, and how far Jellyfin follows.
    during: Expected,
    /// The same after it.
    after: Expected,
    /// Whether the guard may rightly go up while it goes wrong.
    may_rise: bool,
}

/// A tier, Jellyfin's limit in bits per second, whether it answers remote callers, the guard's word.
pub(super) type Expected = (&'static str, i64, bool, &'static str);

pub(super) const HIGH: Expected = ("high", 4_000_000, true, "held");
pub(super) const MEDIUM: Expected = ("medium", 2_000_000, true, "held");
pub(super) const OFF: Expected = ("disabled", 1_000_000, false, "held");

impl Row {
    /// 60 % is spent and known; then this goes wrong for as long as a cost is good for, while in
    /// truth (by a correction) only 20 % is spent.
    pub(super) fn new(name: &'static str, fault: impl FnOnce(&mut Scene) + Send + 'static) -> Self {
        Self {
            name,
            before: 90.0,
            truth: 30.0,
            fault: Box::new(fault),
            mend: Box::new(|scene| scene.set(|state| state.faults.clear())),
            wait: 4 * HOUR,
            during: MEDIUM,
            after: HIGH,
            may_rise: false,
        }
    }

    pub(super) fn mended(mut self, mend: impl FnOnce(&mut Scene) + Send + 'static) -> Self {
        self.mend = Box::new(mend);
        self
    }

    /// The guard begins anew when it goes wrong.
    pub(super) fn restarted(mut self) -> Self {
        let fault = self.fault;
        self.fault = Box::new(|scene| {
            scene.restart();
            fault(scene);
        });
        self
    }

    pub(super) const fn spent(mut self, before: f64, truth: f64) -> Self {
        (self.before, self.truth) = (before, truth);
        self
    }

    pub(super) const fn waiting(mut self, seconds: i64) -> Self {
        self.wait = seconds;
        self
    }

    pub(super) const fn during(mut self, during: Expected) -> Self {
        self.during = during;
        self
    }

    pub(super) const fn after(mut self, after: Expected) -> Self {
        self.after = after;
        self
    }

    pub(super) const fn may_rise(mut self) -> Self {
        self.may_rise = true;
        self
    }
}

/// Plays a row, and returns what must not have been logged.
pub(super) async fn run(row: Row) -> Result<Vec<String>, String> {
    let mut scene = Scene::new().await;
    // A server with a limit of its own, so that what is put back is no zero either.
    scene.set(|state| state.jellyfin.set_limit(50_000_000));
    scene.spend(row.before);
    scene.check().await;
    let known = scene.generosity();
    let own = expected_of(row.before);
    is(&scene, own).map_err(|why| format!("before: {why}"))?;
    scene.spend(row.truth);
    (row.fault)(&mut scene);
    scene.pass(row.wait);
    scene.check().await;
    is(&scene, row.during).map_err(|why| format!("during: {why}"))?;
    if scene.generosity() > known && !row.may_rise {
        return Err("the tier rose on bad data".into());
    }
    (row.mend)(&mut scene);
    // The cost is due again, and failures are forgotten by then.
    for _ in 0..2 {
        scene.pass(4 * HOUR);
        scene.check().await;
    }
    is(&scene, row.after).map_err(|why| format!("after: {why}"))?;
    Ok(scene.fake.state().secrets())
}

/// The tier that a share of 150 dollars is in.
fn expected_of(dollars: f64) -> Expected {
    match dollars {
        it if it <= 75.0 => HIGH,
        it if it <= 135.0 => MEDIUM,
        _ => OFF,
    }
}

fn is(scene: &Scene, expected: Expected) -> Result<(), String> {
    scene.invariants()?;
    let view = scene.view();
    let found = {
        let state = scene.fake.state();
        let server = &state.jellyfin;
        (
            view.tier.clone(),
            server.limit(),
            server.remote_access(),
            view.jellyfin_state.clone(),
        )
    };
    let (tier, limit, remote, word) = expected;
    if found == (tier.to_owned(), limit, remote, word.to_owned()) {
        return Ok(());
    }
    Err(format!(
        "{found:?} instead of {expected:?} (cost: {:?}; Jellyfin: {:?}; {})",
        view.cost_error, view.jellyfin_error, view.tier_reason
    ))
}
