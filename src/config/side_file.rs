//! Files of their own beside the configuration: read whole, every mistake in them told at once.

use super::expand::Env;
use super::problem::{ConfigErrors, Problems};
use super::reader::{Field, Reader};
use super::yaml::{Value, compose};
use crate::files::{FileError, Reading};
use std::path::Path;
use std::sync::Arc;

/// Why such a file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SideFileError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it.
    #[error(transparent)]
    Mistakes(#[from] ConfigErrors),
}

/// Reads the root of a file into what it stands for.
pub(super) type ReadRoot<T> = fn(&mut Reader<'_>, &Field<'_>, &mut T);

/// Reads a file over `content`; not the files it names.
pub(super) fn read<T>(
    path: &Path,
    content: T,
    read_root: ReadRoot<T>,
    env: &Env<'_>,
    reading: &mut Reading,
) -> Result<T, SideFileError> {
    let bytes = reading.read(path)?;
    Ok(parse(&path.display().to_string(), &bytes, content, read_root, env)?)
}

/// The same from memory; `name` stands for the file in messages.
pub(super) fn parse<T>(name: &str, bytes: &[u8], mut content: T, read_root: ReadRoot<T>, env: &Env<'_>) -> Result<T, ConfigErrors> {
    let (root, faults) = compose(bytes);
    let mut problems = Problems::default();
    let mut reader = Reader { file: Arc::from(name), env, problems: &mut problems };
    for fault in faults {
        reader.problem(fault.place, "", fault.message);
    }
    if let Some(node) = root.filter(|root| !matches!(root.value, Value::Null)) {
        read_root(&mut reader, &Field { node: &node, path: String::new() }, &mut content);
    }
    problems.into_result(content)
}
