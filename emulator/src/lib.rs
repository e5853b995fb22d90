//! One process that behaves as one Auth0 tenant: the Management API, the Authentication API and a control interface for tests.
//!
//! A request goes through `server` (sockets) and `exchange` (faults, rate limits, request log), then to one of three:
//!
//! - `control`: `/emulator/…`, with its page;
//! - `management`: `/api/v2/…`, which hands it to one file per kind of object under `resources`;
//! - `authentication`: all else, under `oauth` (what applications call) and `login` (what browsers call).
//!
//! What the latter two do goes into the tenant log (`log`) by way of a journal of the request. All state is one `State` behind one
//! mutex; everything below `exchange` is synchronous.

mod access;
mod answer;
mod authentication;
mod certificates;
mod config;
mod control;
mod cors;
mod discovery;
mod exchange;
mod faults;
mod formats;
mod ids;
mod keys;
mod log;
mod login;
mod lucene;
mod management;
mod oauth;
mod paging;
mod password;
mod rate;
mod request;
mod request_log;
mod resources;
mod schema;
mod server;
mod stale;
mod store;
mod tenant;

pub use config::{Config, Rate, Tls};
pub use server::Emulator;
