//! The bus side: objects, signals and the connection that comes back after a restart of the bus.

pub mod caller;
pub mod enforcer;
pub mod link;
pub mod manager;
pub mod server;
