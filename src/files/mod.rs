//! Files that are in use while they may be replaced: certificates, passwords, users. What is made from them is made anew once one of
//! them has changed, also by a swapped symbolic link, which is how Kubernetes replaces what it mounts.

mod fresh;
mod reading;

pub(crate) use fresh::Fresh;
pub(crate) use reading::{FileError, Reading};
