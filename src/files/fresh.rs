use super::Reading;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

type Make<T, E> = Box<dyn Fn(&mut Reading) -> Result<T, E> + Send + Sync>;

/// A value made from files, made anew when one of them has changed.
pub(crate) struct Fresh<T, E> {
    make: Make<T, E>,
    kept: Mutex<Option<(Arc<T>, Reading)>>,
}

impl<T, E> Fresh<T, E> {
    /// Nothing is read yet.
    pub(crate) fn new(make: impl Fn(&mut Reading) -> Result<T, E> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), kept: Mutex::new(None) }
    }

    /// The value as the files are now.
    ///
    /// # Errors
    /// It can't be made from what they are now; it is tried again at the next call.
    pub(crate) fn get(&self) -> Result<Arc<T>, E> {
        let mut kept = self.lock();
        if let Some((value, reading)) = kept.as_ref()
            && reading.still_holds(SystemTime::now())
        {
            return Ok(value.clone());
        }
        let mut reading = Reading::default();
        let value = Arc::new((self.make)(&mut reading)?);
        *kept = Some((value.clone(), reading));
        Ok(value)
    }

    /// The last value that could be made.
    pub(crate) fn last(&self) -> Option<Arc<T>> {
        self.lock().as_ref().map(|(value, _)| value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Arc<T>, Reading)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> fmt::Debug for Fresh<T, E> {
    /// Without the value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileError;
    use super::*;
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    fn word(path: &std::path::Path) -> Fresh<String, FileError> {
        let path = path.to_path_buf();
        Fresh::new(move |reading| reading.read_word(&path))
    }

    #[test]
    fn a_changed_file_and_a_swapped_link_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "one\n").unwrap();
        let plain = word(&at("a"));
        assert_eq!(*plain.get().unwrap(), "one");
        fs::write(at("a"), "two\n").unwrap();
        assert_eq!(*plain.get().unwrap(), "two", "same length, maybe the same tick of the clock");

        // As Kubernetes does it: file → ..data/file, ..data → a directory by time, swapped by rename.
        for (dir, text) in [("t1", "old"), ("t2", "new")] {
            fs::create_dir(at(dir)).unwrap();
            fs::write(at(dir).join("file"), text).unwrap();
        }
        std::os::unix::fs::symlink("t1", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/file", at("file")).unwrap();
        let mounted = word(&at("file"));
        assert_eq!(*mounted.get().unwrap(), "old");
        std::os::unix::fs::symlink("t2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        assert_eq!(*mounted.get().unwrap(), "new");

        fs::remove_file(at("a")).unwrap();
        assert!(plain.get().unwrap_err().to_string().contains("no such file"));
        assert_eq!(plain.last().as_deref().map(String::as_str), Some("two"));
    }

    #[test]
    fn what_has_not_changed_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "x").unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let fresh = Fresh::new(move |reading: &mut Reading| {
            counted.fetch_add(1, Ordering::Relaxed);
            reading.read_word(&path)
        });
        let later = SystemTime::now() + Duration::from_secs(10);
        fresh.get().unwrap();
        assert!(fresh.lock().as_ref().unwrap().1.still_holds(later), "looks as it did");
        fresh.get().unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2, "too new to be trusted");
    }

    #[test]
    fn what_is_no_small_regular_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(word(dir.path()).get().unwrap_err().to_string().contains("not a regular file"));
        let large = dir.path().join("large");
        fs::File::create(&large).unwrap().set_len(5 << 20).unwrap();
        assert!(word(&large).get().unwrap_err().to_string().contains("larger than"));
        fs::write(dir.path().join("bytes"), b"\xff").unwrap();
        assert!(word(&dir.path().join("bytes")).get().unwrap_err().to_string().contains("UTF-8"));
    }
}
