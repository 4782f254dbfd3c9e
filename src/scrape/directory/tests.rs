//! Directories on disk.

use super::*;
use crate::config::SourceConfig;
use crate::multiproc::{Entry, JOURNAL, write};
use crate::scrape::{ProcessId, scrape_into};
use crate::source::KINDS;
use crate::target::{Address, Target};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// Beyond any process id that Linux gives.
const GONE: u32 = 5_000_000;

fn file() -> Vec<u8> {
    let mut bytes = write([Entry { key: r#"["a", "a_total", {}, ""]"#, value: 1.0, timestamp: 0.0 }]).unwrap();
    // As the client makes them: larger than what is in use.
    bytes.resize(1 << 16, 0);
    bytes
}

fn request(limits: MultiprocConfig) -> Request {
    let kind = KINDS.iter().find(|kind| kind.name == "multiproc").unwrap();
    let source = SourceConfig { multiproc: limits, ..SourceConfig::new("m", kind, Vec::new()) };
    Request::new(&source, &ProcessId::random()).unwrap()
}

fn target(path: &Path) -> Target {
    Target { id: "m".into(), text: "m".into(), address: Address::Directory(path.to_path_buf()) }
}

/// A file as it was listed, and its contents or why there are none.
type Offered = (DirectoryFile, Option<Result<Vec<u8>, String>>);

/// What a scrape offers: of each file its name and owner, and its contents or why there are none.
async fn offered(path: &Path, how: &Request) -> (Result<Body, Missed>, Vec<Offered>) {
    let mut files: Vec<Offered> = Vec::new();
    let mut sink = |part: Part<'_>| {
        match part {
            Part::Listed(file) => {
                files.push((file.clone(), None));
                return Ok(Receipt::Wanted);
            }
            Part::Contents(file, contents) => {
                let (_, slot) = files.iter_mut().find(|(known, _)| known == file).unwrap();
                *slot = Some(contents.map(<[u8]>::to_vec).map_err(str::to_string));
            }
            _ => {}
        }
        Ok(Receipt::Taken)
    };
    let scraped = scrape_into(&target(path), how, Instant::now() + Duration::from_secs(20), &mut sink).await;
    (scraped.result, files)
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

#[tokio::test]
async fn files_are_offered_with_what_is_known_of_their_process() {
    let own = std::process::id();
    let dir = directory(&[
        (&format!("counter_{GONE}.db"), &file()),
        // This process has the id, but not the file.
        (&format!("counter_{own}.db"), &file()),
        ("counter_worker-1.db", &file()),
        (".counter_1.db", &file()),
        ("notes.txt", b"x"),
        (JOURNAL, b"{\"groups\":[]}"),
    ]);
    fs::create_dir(dir.path().join("counter_2.db")).unwrap();
    let (result, files) = offered(dir.path(), &request(MultiprocConfig::default())).await;
    let mut known: Vec<_> = files.iter().map(|(file, _)| (file.name.as_str(), file.owner)).collect();
    known.sort_by_key(|(name, _)| *name);
    let (gone, stranger) = (format!("counter_{GONE}.db"), format!("counter_{own}.db"));
    let mut want = [
        (gone.as_str(), Owner::Gone),
        (stranger.as_str(), Owner::Stranger),
        ("counter_worker-1.db", Owner::Nameless),
        (JOURNAL, Owner::Nameless),
    ];
    want.sort_by_key(|(name, _)| *name);
    assert_eq!(known, want);
    let used = crate::multiproc::used(&file(), 1 << 16).unwrap();
    for (listed, contents) in &files {
        let contents = contents.clone().unwrap().unwrap();
        assert_eq!(contents.len(), if listed.name == JOURNAL { 13 } else { used }, "only what is in use: {}", listed.name);
    }
    assert_eq!(result.unwrap().streamed, Some(3 * used + 13));
}

#[tokio::test]
async fn large_files_come_whole() {
    let key = format!(r#"["a", "a_total", {{"l": "{}"}}, ""]"#, "x".repeat(100_000));
    let bytes = write([Entry { key: &key, value: 1.0, timestamp: 0.0 }]).unwrap();
    let dir = directory(&[("counter_1.db", &bytes)]);
    let (_, files) = offered(dir.path(), &request(MultiprocConfig::default())).await;
    assert_eq!(files[0].1, Some(Ok(bytes)));
}

#[tokio::test]
async fn limits_cost_a_file_or_the_scrape() {
    let dir = directory(&[("counter_1.db", &file()), ("counter_2.db", &[1, 2, 3, 4])]);
    let limits = MultiprocConfig { file_bytes_max: 16, ..MultiprocConfig::default() };
    let (result, files) = offered(dir.path(), &request(limits)).await;
    assert!(result.is_ok());
    let errors: Vec<String> = files.into_iter().map(|(_, contents)| contents.unwrap().unwrap_err()).collect();
    assert!(errors.iter().any(|why| why.contains("file_bytes_max")), "{errors:?}");
    assert!(
        errors.iter().any(|why| why.contains("cut short") || why.contains("byte order") || why.contains("header")),
        "{errors:?}"
    );
    let few = MultiprocConfig { files_max: 1, ..MultiprocConfig::default() };
    let missed = offered(dir.path(), &request(few)).await.0.unwrap_err();
    assert!(missed.to_string().contains("more than 1 files"), "{missed}");
}

#[tokio::test]
async fn what_is_no_directory_is_told() {
    let dir = directory(&[("file", b"")]);
    let how = request(MultiprocConfig::default());
    for (path, part) in [("none", "no directory"), ("file", "Not a directory")] {
        let missed = offered(&dir.path().join(path), &how).await.0.unwrap_err();
        assert!(missed.to_string().contains(part), "{missed}");
    }
    let (result, files) = offered(tempfile::tempdir().unwrap().path(), &how).await;
    assert_eq!((result.unwrap().streamed, files.len()), (Some(0), 0));
}

#[tokio::test]
async fn a_directory_in_one_piece_says_the_same() {
    let dir = directory(&[("counter_1.db", &file()), ("counter_2.db", &file()), ("counter_3.db", &[9; 64])]);
    let how = request(MultiprocConfig::default());
    let (_, parts) = offered(dir.path(), &how).await;
    let whole = scrape_into(&target(dir.path()), &how, Instant::now() + Duration::from_secs(20), &mut |_| Ok(Receipt::Whole)).await;
    let body = whole.result.unwrap();
    assert_eq!(body.streamed, None);
    let mut replayed = Vec::new();
    let mut sink = |part: Part<'_>| {
        if let Part::Contents(file, contents) = part {
            replayed.push((file.clone(), Some(contents.map(<[u8]>::to_vec).map_err(str::to_string))));
        }
        Ok(Receipt::Wanted)
    };
    replay(&body.bytes, &mut sink).unwrap();
    assert_eq!(replayed, parts);
    for cut in 1..body.bytes.len() {
        let _ = replay(&body.bytes[..cut], &mut |_| Ok(Receipt::Wanted));
    }
    assert!(replay(b"# HELP a\n", &mut |_| Ok(Receipt::Wanted)).is_err());
}
