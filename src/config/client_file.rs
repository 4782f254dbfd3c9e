//! `--http.config.file`: how a running proxy lets us in, under the keys that a source has for it. The flag and the keys are those of
//! `promtool`.

use super::SourceConfig;
use super::access::{read_authorization, read_basic_auth, read_tls_config};
use super::draft::SourceDraft;
use super::expand::Env;
use super::problem::{Given, Origin};
use super::reader::{Field, Reader};
use super::side_file::{self, SideFileError};
use crate::files::Reading;
use std::path::Path;

/// Reads the file over the settings of `source`; not the files it names.
pub(crate) fn read_client_file(
    path: &Path,
    source: SourceConfig,
    env: &Env<'_>,
    reading: &mut Reading,
) -> Result<SourceConfig, SideFileError> {
    let name = Given { text: source.name.clone(), key: String::new(), origin: Origin::Nowhere };
    let draft = SourceDraft { config: source, name, targets: Vec::new(), expect: None, timeout: None };
    side_file::read(path, draft, read_root, env, reading).map(|draft| draft.config)
}

fn read_root(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft) {
    let Some(map) = reader.map_of(field, &["basic_auth", "authorization", "tls_config"]) else { return };
    if let Some(field) = map.get("basic_auth") {
        read_basic_auth(reader, &field, draft);
    }
    if let Some(field) = map.get("authorization") {
        read_authorization(reader, &field, draft);
    }
    if let Some(field) = map.get("tls_config") {
        draft.config.tls_config = read_tls_config(reader, &field);
    }
}
