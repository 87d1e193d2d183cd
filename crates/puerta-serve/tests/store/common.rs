//! A folder to be served, and how a store is asked.

#![allow(unreachable_pub, reason = "the modules of a test program")]

use puerta_serve::core::encoding::Accepted;
use puerta_serve::core::found::{Content, File, Found};
use puerta_serve::core::plan::{Fits, Step};
use puerta_serve::problem::Refusal;
use puerta_serve::store::folder::Wait;
use puerta_serve::store::handle::Handle;
use puerta_serve::store::{Asked, Looked, Now, Settings, Store};
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A folder `site` within a folder of this test, which goes with it. What lies beside `site` must never be served.
pub struct Place {
    all: PathBuf,
}

/// What every file outside has in it.
pub const SECRET: &[u8] = b"secret\n";

impl Place {
    /// Where cargo builds, which is hardly in memory.
    pub fn new() -> Place {
        Place::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// On a file system in memory, where there is one: for what makes many files.
    pub fn quick() -> Place {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Place::within(memory) } else { Place::new() }
    }

    fn within(folder: &Path) -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("puerta-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let place = Place { all: folder.join(name) };
        fs::create_dir_all(place.site()).unwrap();
        fs::create_dir(place.outside("folder")).unwrap();
        fs::write(place.outside("secret"), SECRET).unwrap();
        fs::write(place.outside("folder/secret"), SECRET).unwrap();
        place
    }

    pub fn site(&self) -> PathBuf {
        self.all.join("site")
    }

    /// A path in the folder that is served.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.site().join(name)
    }

    /// A path beside the folder that is served.
    pub fn outside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.all.join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn store(&self) -> Store {
        self.store_with(&Settings::default())
    }

    pub fn store_with(&self, settings: &Settings) -> Store {
        Store::open(&self.site(), settings).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.all);
    }
}

/// How a test asks: identity alone, waiting allowed, now.
pub fn asked() -> Asked {
    Asked { codings: Accepted::IDENTITY, compression: true, now: Now::read(), wait: Wait::Allowed, make_now: false }
}

/// So long after the start of the test, when all its files are settled.
pub fn later(seconds: u64) -> Asked {
    let after = Duration::from_secs(seconds);
    Asked { now: Now { instant: Instant::now() + after, wall: SystemTime::now() + after }, ..asked() }
}

pub fn look(store: &Store, path: impl AsRef<[u8]>, asked: &Asked) -> Looked {
    let step = Step { path: Cow::Borrowed(path.as_ref()), fits: Fits::Any };
    store.look([step].into_iter(), asked).expect("it waits where it may")
}

/// What is found by a thread that may not wait. `None`: it would have to.
pub fn probe(store: &Store, path: impl AsRef<[u8]>, asked: &Asked) -> Option<Looked> {
    let step = Step { path: Cow::Borrowed(path.as_ref()), fits: Fits::Any };
    store.look([step].into_iter(), &Asked { wait: Wait::Never, ..*asked })
}

/// The file at a path.
pub fn file(store: &Store, path: impl AsRef<[u8]>, asked: &Asked) -> File<Handle> {
    match look(store, path.as_ref(), asked) {
        Looked { found: Found::File(file), .. } => file,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(path.as_ref())),
    }
}

/// Its bytes, wherever they are.
pub fn content(file: &File<Handle>) -> Vec<u8> {
    match &file.content {
        Content::Memory(bytes) => bytes.to_vec(),
        Content::Open { file, size } => {
            let mut content = vec![0; usize::try_from(*size).unwrap()];
            let mut at = 0;
            while at < content.len() {
                at += file.read_at(at as u64, &mut content[at..], Wait::Allowed).unwrap();
            }
            content
        }
    }
}

/// Status and reason of what is not served; `None` where something is.
pub fn refused(looked: &Looked) -> Option<Refusal> {
    match looked {
        Looked { found: Found::File(_) | Found::Folder(_), .. } => None,
        Looked { trouble, .. } => {
            Some(trouble.as_ref().map_or(Refusal::Missing(puerta_serve::problem::Absence::Nothing), |t| t.refusal))
        }
    }
}
