//! What is measured.

pub(crate) mod create;
pub(crate) mod drift;
pub(crate) mod rest;
pub(crate) mod single;
