#![allow(clippy::unwrap_used)]

mod budgets;
mod costs;
mod identity;
mod world;
