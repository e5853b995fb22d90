//! One process that behaves as one Auth0 tenant: the Management API, the Authentication API and a control interface for tests.
//!
//! A request goes through `server` (sockets), `exchange` (faults, rate limits, request log), then either `control`
//! (`/emulator/…`), `oauth` and `discovery` (Authentication API) or `management` (`/api/v2/…`), which hands it to one file per
//! kind of object under `resources`. All state is one `State` behind one mutex; everything below `exchange` is synchronous.

mod access;
mod answer;
mod certificates;
mod config;
mod control;
mod discovery;
mod exchange;
mod faults;
mod formats;
mod ids;
mod keys;
mod log;
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
