//! stub
use super::{Endpoints, Kind};
pub(super) static KIND: Kind = Kind {
    name: "uwsgi",
    about: "",
    endpoints: Endpoints::Targets,
    default_path: "/metrics",
    targets: crate::target::http_targets,
    accept: "*/*",
    build: |_| unimplemented!(),
};
