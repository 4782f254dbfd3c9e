//! Markdown, as far as the tests look at it.

use crate::support::repository;
use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub struct Page {
    /// Relative to the repository.
    pub path: PathBuf,
    pub blocks: Vec<Block>,
    /// Everything outside of blocks.
    text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// `FILE:LINE`, for messages.
    pub place: String,
    pub language: String,
    /// The comment in the line before it: `<!-- THIS -->`.
    pub note: Option<String>,
    pub text: String,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let whole = fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut page = Self { path: path.to_path_buf(), blocks: Vec::new(), text: String::new() };
        let mut open: Option<(usize, Block)> = None;
        let mut before = "";
        for (i, line) in whole.lines().enumerate() {
            let trimmed = line.trim_start();
            match (&mut open, trimmed.strip_prefix("```")) {
                (None, Some(language)) => {
                    let note = before.trim().strip_prefix("<!-- ").and_then(|note| note.strip_suffix(" -->"));
                    let place = format!("{}:{}", path.display(), i + 1);
                    let block = Block { place, language: language.into(), note: note.map(Into::into), text: String::new() };
                    open = Some((line.len() - trimmed.len(), block));
                }
                (Some((indent, block)), None) => {
                    let inner = line.get(*indent..).filter(|_| line.trim_end().len() >= *indent).unwrap_or_default();
                    block.text.push_str(inner);
                    block.text.push('\n');
                }
                (Some(_), Some(_)) => page.blocks.extend(open.take().map(|(_, block)| block)),
                (None, None) => {
                    page.text.push_str(line);
                    page.text.push('\n');
                }
            }
            before = line;
        }
        assert!(open.is_none(), "{}: a block has no end", path.display());
        page
    }

    /// Targets of its links, those to other hosts left out.
    pub fn links(&self) -> Vec<&str> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
    }

    /// What stands in backquotes in running text.
    pub fn spans(&self) -> impl Iterator<Item = &str> {
        self.text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The pages of the book, without its table of contents.
pub fn book() -> Vec<Page> {
    let mut paths = in_folder(Path::new("docs"));
    paths.retain(|path| path != Path::new("docs/SUMMARY.md"));
    paths.iter().map(|path| Page::read(path)).collect()
}

/// The README and the book.
pub fn readme_and_book() -> Vec<Page> {
    let mut pages = book();
    pages.push(Page::read(Path::new("README.md")));
    pages
}

/// All Markdown below a folder, and in it.
pub fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            found.extend(in_folder(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}
