#![allow(clippy::unwrap_used)]

mod budgets;
mod costs;
mod failures;
mod identity;
mod world;
