//! The emulator over HTTP, as its users see it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

mod clients;
mod command;
mod connections;
mod control;
mod faults;
mod grants;
mod logs;
mod rate;
mod resource_servers;
mod scopes;
mod server;
mod tenant;
mod tokens;
mod users;
