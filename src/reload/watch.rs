//! Sees that a file has another content. By looking at it now and then: that follows a Kubernetes ConfigMap, whose files are replaced by
//! the swap of a symbolic link in the folder above them, and any file system, mounted or not, alike. Events of the kernel (inotify) tell
//! of one folder of one local file system only, and a dozen crates would come with them, for a file that changes once a week.

use crate::files::Reading;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// Time between two looks. A kubelet takes up to a minute to bring a changed ConfigMap.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_secs(5);
/// A file that has changed is taken once it stays the same for so long: one that is written in place is half there in between.
const SETTLE: Duration = Duration::from_millis(500);

/// What is in a file; `None`: it can't be read.
type Content = Option<u32>;

/// A file that is looked at.
#[derive(Debug)]
pub(super) struct Watch {
    file: Option<PathBuf>,
    reading: Reading,
    content: Content,
}

impl Watch {
    /// Looks at it for the first time. Without a file there is never a change.
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        let mut watch = Self { file, reading: Reading::default(), content: None };
        watch.content = watch.look();
        watch
    }

    /// Returns once it has another content, and has stopped changing. May be given up at any time.
    pub(super) async fn changed(&mut self) {
        if self.file.is_none() {
            return std::future::pending().await;
        }
        loop {
            sleep(WATCH_INTERVAL).await;
            if self.content.is_some() && self.reading.still_holds(SystemTime::now()) {
                continue;
            }
            let mut content = self.look();
            if content == self.content {
                continue;
            }
            loop {
                sleep(SETTLE).await;
                match self.look() {
                    same if same == content => break,
                    other => content = other,
                }
            }
            self.content = content;
            return;
        }
    }

    fn look(&mut self) -> Content {
        self.reading = Reading::default();
        let bytes = self.reading.read(self.file.as_deref()?).ok()?;
        Some(crc32fast::hash(&bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::fs;

    #[tokio::test(start_paused = true)]
    async fn another_content_is_seen_once_and_the_same_never() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(Some(file.clone()));
        let quiet = async |watch: &mut Watch| tokio::time::timeout(10 * WATCH_INTERVAL, watch.changed()).await.is_err();
        assert!(quiet(&mut watch).await);
        fs::write(&file, "two").unwrap();
        watch.changed().await;
        fs::write(&file, "two").unwrap();
        assert!(quiet(&mut watch).await);
        fs::remove_file(&file).unwrap();
        watch.changed().await;
        assert!(quiet(&mut watch).await, "gone is said once");
        fs::write(&file, "two").unwrap();
        watch.changed().await;
        assert!(Watch::new(None).changed().now_or_never().is_none());
    }

    /// The settling is over only after two looks with the same content.
    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_being_written_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let mut watch = Watch::new(Some(file.clone()));
        let writer = async {
            sleep(WATCH_INTERVAL / 2).await;
            for n in 0..30 {
                fs::write(&file, format!("{n}")).unwrap();
                sleep(SETTLE / 2).await;
            }
            "written"
        };
        tokio::pin!(writer);
        tokio::select! {
            biased;
            done = &mut writer => assert_eq!(done, "written"),
            () = watch.changed() => panic!("taken half written"),
        }
        watch.changed().await;
    }
}
