//! What crosses a border in bwflow: bus names and interfaces, the grant and the ledger as they
//! travel, states, units and (feature `config`) the configuration schema. Nothing here does
//! I/O, except that (feature `alarm`) both daemons wake up by the same timers.

#[cfg(feature = "alarm")]
pub mod alarm;
pub mod bus;
pub mod claim;
#[cfg(feature = "config")]
pub mod config;
pub mod count;
pub mod counter;
pub mod grant;
pub mod ledger;
pub mod state;
pub mod units;
