//! What `deploy/` has for Kubernetes, Helm, Google Cloud, container images and hosts: valid by the schemas and tools it is for, in
//! agreement with itself, and accepted by the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod documents;
#[cfg(feature = "relabel")] // its configuration has rules
mod google_cloud;
mod helm;
mod host;
mod image;
mod kustomize;
mod manifests;
mod sidecar;
#[path = "../support/mod.rs"]
mod support;
