//! The files that the rules read.

use crate::lexer::{self, Line};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fmt, fs, io};

/// The text files of the workspace, each by its path from the root.
#[derive(Debug, Default)]
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<Source>,
    /// The paths of pictures, which pages may show.
    pub pictures: Vec<String>,
}

/// One file.
#[derive(Debug)]
pub struct Source {
    /// From the root of the workspace, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its lines with code and comment told apart; empty for what is no Rust.
    pub lines: Vec<Line>,
    /// Whether it may be run.
    pub executable: bool,
}

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file's path from the root.
    pub path: String,
    /// The line, counted from 1; 0 for the whole file.
    pub line: usize,
    /// What is asked for.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

const FOLDERS_LEFT_OUT: [&str; 4] = ["target", "corpus", "artifacts", "node_modules"];
const ENDINGS: [&str; 7] = [".rs", ".toml", ".md", ".sh", ".yml", ".c", ".py"];

impl Tree {
    /// Reads the workspace from disk.
    ///
    /// # Errors
    /// What reading a folder or a file says; a file that is not UTF-8.
    pub fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree::default();
        tree.walk(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree made of samples: path and text. Files without an ending are taken as executable.
    pub fn of(samples: &[(&str, &str)]) -> Tree {
        let files = samples
            .iter()
            .map(|(path, text)| {
                Source::new(path, (*text).to_owned(), !path.rsplit('/').next().unwrap_or(path).contains('.'))
            })
            .collect();
        Tree { files, ..Tree::default() }
    }

    /// The file of that path.
    pub fn file(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|f| f.path == path)
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|f| f.is_rust())
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                if !hidden && !FOLDERS_LEFT_OUT.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() && name.ends_with(".png") {
                self.pictures.push(path);
            } else if kind.is_file() {
                let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
                if executable || ENDINGS.iter().any(|e| name.ends_with(e)) {
                    let text = fs::read_to_string(entry.path())
                        .map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))?;
                    self.files.push(Source::new(&path, text, executable));
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn new(path: &str, text: String, executable: bool) -> Source {
        let lines = if path.ends_with(".rs") { lexer::lines(&text, is_test_path(path)) } else { Vec::new() };
        Source { path: path.to_owned(), text, lines, executable }
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A finding in this file; `line` counts from 1.
    pub fn finding(&self, line: usize, rule: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule: rule.into() }
    }

    /// The lines with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(i, line)| (i + 1, line))
    }
}

fn is_test_path(path: &str) -> bool {
    path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}
