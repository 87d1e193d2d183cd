//! The folder that is served: one for all runs of all contenders.

use crate::Result;
use crate::load::Source;
use crate::server::Folder;
use std::cell::OnceCell;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file to ask for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
}

pub(crate) const SMALL: Page = Page { name: "1k.bin", bytes: 1 << 10 };
pub(crate) const MIDDLE: Page = Page { name: "16k.bin", bytes: 16 << 10 };
pub(crate) const LARGE: Page = Page { name: "64m.bin", bytes: 64 << 20 };

/// How long ago the files were changed last, so that no cache takes them for too new to keep.
const AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// It is made when the first asks for it, and goes when this is dropped.
#[derive(Default)]
pub(crate) struct Place {
    made: OnceCell<Result<Site>>,
}

impl Place {
    /// # Errors
    /// It cannot be made.
    pub(crate) fn site(&self) -> Result<&Site> {
        self.made.get_or_init(Site::make).as_ref().map_err(String::clone)
    }
}

/// The folder, with every page in it.
pub(crate) struct Site {
    folder: Folder,
}

impl Site {
    fn make() -> Result<Site> {
        let folder = Folder::new("")?;
        for page in [SMALL, MIDDLE, LARGE] {
            let path = folder.path().join(page.name);
            let write = || {
                let file = File::create_new(&path)?;
                page.source().write_to(&file)?;
                file.set_modified(SystemTime::now() - AGE)
            };
            write().map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(Site { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a page holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(&self, page: Page) -> Result<Vec<u8>> {
        let path = self.path().join(page.name);
        fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    }
}

impl Page {
    pub(crate) fn source(self) -> Source {
        Source { bytes: self.bytes }
    }
}
