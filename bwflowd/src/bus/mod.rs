//! The bus side: objects, signals and the connection that comes back after a restart of the bus.

pub mod authority;
pub mod caller;
pub mod callers;
pub mod enforcer;
pub mod failure;
pub mod link;
pub mod manager;
pub mod question;
pub mod seats;
pub mod server;
pub mod verbs;
