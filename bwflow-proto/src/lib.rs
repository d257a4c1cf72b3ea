//! What crosses a border in bwflow: bus names and interfaces, the grant and the ledger as they
//! travel, states, units and (feature `config`) the configuration schema. Nothing here does
//! I/O, except that (feature `daemon`) both daemons wake up by the same timers and hear the bus
//! through the same socket.

#[cfg(feature = "daemon")]
pub mod alarm;
pub mod bus;
pub mod claim;
#[cfg(feature = "config")]
pub mod config;
pub mod count;
pub mod counter;
pub mod exclusion;
pub mod grant;
pub mod history;
pub mod ledger;
pub mod money;
pub mod network;
#[cfg(feature = "daemon")]
pub mod socket;
pub mod spend;
pub mod state;
pub mod units;
#[cfg(feature = "config")]
pub mod vnstat;
