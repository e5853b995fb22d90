//! The emulator over HTTP, as its users see it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

mod browser;
mod clients;
mod command;
mod connections;
mod control;
mod credentials;
mod faults;
mod grants;
mod login;
mod logs;
mod malformed;
mod rate;
mod refresh;
mod resource_servers;
mod scopes;
mod server;
mod tenant;
mod tokens;
mod users;
