//! What whole-operator tests share: a real control plane, the operator as a process of its own, and for each test a namespace
//! with an emulated tenant.
//!
//! A test waits for what it sees in the cluster or in the tenant, never for time; its assertions are on counts and orders.
#![allow(dead_code, reason = "each test binary takes its part")]

pub(crate) mod bench;
pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod history;
pub(crate) mod kubectl;
pub(crate) mod login;
pub(crate) mod object;
pub(crate) mod operator;
pub(crate) mod samples;
pub(crate) mod tap;
pub(crate) mod tenant;
pub(crate) mod upstream;

use std::time::Duration;

/// No test waits longer for one thing. Most things take less than a second; the rest is for busy machines, for the 5 s that
/// Kubernetes itself takes to empty a namespace, and for retries.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
