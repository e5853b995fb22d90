//! The kinds of objects of the Management API, one file each.

pub(crate) mod client_connections;
pub(crate) mod client_credentials;
pub(crate) mod client_defaults;
pub(crate) mod client_grants;
pub(crate) mod clients;
pub(crate) mod connection_clients;
pub(crate) mod connection_options;
pub(crate) mod connections;
pub(crate) mod logs;
pub(crate) mod not_emulated;
pub(crate) mod resource_servers;
mod system_apis;
pub(crate) mod tenant_settings;
mod user_rules;
mod user_search;
pub(crate) mod users;
