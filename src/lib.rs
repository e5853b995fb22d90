//! A Kubernetes operator that keeps an Auth0 tenant as the cluster's custom resources say.
//!
//! [`crd`] is what users write, [`plan`] decides, [`tenant`] talks to Auth0, [`controller`] to Kubernetes; [`cli`] is the
//! program.

pub mod cli;
pub mod controller;
pub mod crd;
pub mod plan;
pub mod telemetry;
pub mod tenant;
