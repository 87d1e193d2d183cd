//! Where the certificate comes from: two files, or one that is made and kept.

use super::trouble::Trouble;
use puerta_serve::problem::Problem;
use puerta_serve::tls::{self, Identity};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// What the server shows of itself, and where it is from.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) identity: Arc<Identity>,
    /// Certificate and key; `None`: it was made.
    files: Option<(PathBuf, PathBuf)>,
}

impl Certificate {
    /// Of these two files.
    pub(super) fn of(certificate: PathBuf, key: PathBuf) -> Result<Self, Trouble> {
        let identity = Identity::new(tls::read(&certificate, &key, SystemTime::now())?);
        Ok(Certificate { identity, files: Some((certificate, key)) })
    }

    /// Made for this machine, or the one that was made before.
    pub(super) fn made() -> Result<Self, Trouble> {
        let path = kept_at().ok_or_else(|| {
            Trouble::usage(
                "neither XDG_CONFIG_HOME nor HOME says where to keep the certificate",
                "set one, or give a certificate: --cert FILE --key FILE",
            )
        })?;
        let (key, _) = tls::kept(&path, &tls::names(), SystemTime::now())?;
        Ok(Certificate { identity: Identity::new(key), files: None })
    }

    /// Whether nobody vouches for it.
    pub(super) fn is_made(&self) -> bool {
        self.files.is_none()
    }

    /// Reads the files again; what cannot serve does not replace what does.
    pub(super) fn reload(&self) -> Result<(), Problem> {
        if let Some((certificate, key)) = &self.files {
            self.identity.replace(tls::read(certificate, key, SystemTime::now())?);
        }
        Ok(())
    }
}

/// `$XDG_CONFIG_HOME/puerta`, or `$HOME/.config/puerta`; a path that is not absolute does not count (XDG Base Directory
/// Specification 0.8).
fn kept_at() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    Some(config?.join("puerta/serve.pem"))
}
