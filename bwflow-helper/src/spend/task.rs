//! The task around the guard: waits until it is time, or until somebody asks.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::pin::pin;
use std::time::Duration;

use bwflow_proto::alarm::Alarm;
use bwflow_proto::config::Config;
use bwflow_proto::spend::SpendView;
use tokio::sync::{mpsc, watch};

use super::guard::{Guard, Occasion};
use super::world::World;
use crate::service::Reply;

/// What the guard is told.
#[derive(Debug)]
pub enum Order {
    /// Follow this configuration.
    Reconfigure(Box<Config>),
    /// Check now, and say when it is done.
    Check(Reply<()>),
}

/// Runs the guard until nothing is left to look after, or nobody gives orders any more. May be ended
/// at any time: the next one goes on from the state file.
pub async fn run<W: World + Sync>(
    mut guard: Guard<W>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    shown: watch::Sender<Option<SpendView>>,
) {
    if let Err(error) = work(&mut guard, &mut orders, &shown).await {
        tracing::error!("the spend guard ends: {error}");
    }
}

async fn work<W: World + Sync>(
    guard: &mut Guard<W>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    shown: &watch::Sender<Option<SpendView>>,
) -> io::Result<()> {
    let alarm = Alarm::new()?;
    let mut occasion = Some(Occasion::Timer);
    let mut waiting: Vec<Reply<()>> = Vec::new();
    loop {
        if let Some(now) = occasion.take() {
            show(guard, shown);
            let answered = std::mem::take(&mut waiting);
            match check(guard, now, orders, &mut waiting).await {
                End::Done => {}
                End::Interrupted(config) => {
                    waiting.extend(answered);
                    guard.reconfigure(&config);
                    occasion = Some(Occasion::Hand);
                    continue;
                }
                End::Over => return Ok(()),
            }
            show(guard, shown);
            for answer in answered {
                // Who asked may be gone.
                let _ = answer.send(Ok(()));
            }
            if !waiting.is_empty() {
                occasion = Some(Occasion::Hand);
                continue;
            }
        }
        let order = match guard.wait_usec() {
            Some(wait) => {
                alarm.set(now().saturating_add(jittered(wait)))?;
                tokio::select! {
                    order = orders.recv() => order,
                    rung = alarm.rings() => {
                        rung?;
                        occasion = Some(Occasion::Timer);
                        continue;
                    }
                }
            }
            // Nothing is left to do. An order that is here already is this guard's; after that, the
            // next configuration starts another one. Nothing can come in between: who gives orders
            // does so on this thread.
            None => match orders.try_recv() {
                Ok(order) => Some(order),
                Err(_) => return Ok(()),
            },
        };
        match order {
            Some(Order::Check(answer)) => {
                waiting.push(answer);
                occasion = Some(Occasion::Hand);
            }
            Some(Order::Reconfigure(config)) => {
                guard.reconfigure(&config);
                occasion = Some(Occasion::Hand);
            }
            None => return Ok(()),
        }
    }
}

/// Shows everybody what has changed.
fn show<W: World>(guard: &Guard<W>, shown: &watch::Sender<Option<SpendView>>) {
    shown.send_if_modified(|before| {
        let is_other = before.as_ref() != guard.view();
        if is_other {
            *before = guard.view().cloned();
        }
        is_other
    });
}

/// How a check has ended.
enum End {
    Done,
    /// By a configuration that is to be followed instead.
    Interrupted(Box<Config>),
    /// By the end of everything.
    Over,
}

/// Checks, and takes orders meanwhile.
async fn check<W: World + Sync>(
    guard: &mut Guard<W>,
    occasion: Occasion,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    waiting: &mut Vec<Reply<()>>,
) -> End {
    let mut check = pin!(guard.check(occasion));
    loop {
        tokio::select! {
            biased;
            () = &mut check => return End::Done,
            order = orders.recv() => match order {
                // This check would see less than what is asked for.
                Some(Order::Check(answer)) => waiting.push(answer),
                // What hangs must not keep a configuration waiting. The guard can be interrupted
                // anywhere.
                Some(Order::Reconfigure(config)) => return End::Interrupted(config),
                None => return End::Over,
            },
        }
    }
}

fn now() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A wait, microseconds, and up to a thirtieth more: a thousand machines must not ask in the same
/// second.
fn jittered(usec: i64) -> Duration {
    let usec = u64::try_from(usec).unwrap_or(0);
    let more = (usec / 30).max(1);
    Duration::from_micros(usec + RandomState::new().build_hasher().finish() % more)
}

#[cfg(test)]
mod tests;
