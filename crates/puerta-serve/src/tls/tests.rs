#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("puerta-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn with(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.0.join(name);
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn some_names() -> Vec<String> {
    ["localhost", "puerta.test", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * 20_000
}

/// A certificate and its key in one file, made at a time.
fn pem(folder: &Folder, name: &str, made: SystemTime) -> Vec<u8> {
    let path = folder.0.join(name);
    kept(&path, &some_names(), made).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_certificate_that_was_made_is_kept_until_it_is_nearly_over_or_names_are_missing() {
    let folder = Folder::new("kept");
    let path = folder.0.join("deep/serve.pem");
    let (first, new) = kept(&path, &some_names(), now()).unwrap();
    assert!(new);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let cert = |key: &CertifiedKey| key.cert[0].to_vec();
    for later in [0, 1, 75] {
        let (again, new) = kept(&path, &some_names()[..2], now() + DAY * later).unwrap();
        assert!(!new && cert(&again) == cert(&first), "{later}");
    }
    let (other, new) = kept(&path, &some_names(), now() + DAY * 77).unwrap();
    assert!(new && cert(&other) != cert(&first));
    let more = [some_names(), vec!["10.1.2.3".to_owned()]].concat();
    assert!(kept(&path, &more, now() + DAY * 77).unwrap().1);
    assert!(!kept(&path, &more, now() + DAY * 77).unwrap().1);
    // Nothing but it is left there.
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_is_kept_and_open_to_others_is_refused_and_what_is_damaged_made_anew() {
    let folder = Folder::new("open");
    let whole = pem(&folder, "a", now());
    let open = folder.with("open", &whole, 0o640);
    assert!(matches!(kept(&open, &some_names(), now()), Err(Problem::TooOpen { mode: 0o640, .. })));
    let damaged = folder.with("damaged", &whole[..whole.len() / 2], 0o600);
    assert!(kept(&damaged, &some_names(), now()).unwrap().1);
}

#[test]
fn each_pair_of_files_that_does_not_serve_is_told_for_what_it_is() {
    let folder = Folder::new("pairs");
    let (ours, other) = (pem(&folder, "a", now()), pem(&folder, "b", now()));
    let at = |pem: &[u8], label: &str| {
        let text = String::from_utf8(pem.to_vec()).unwrap();
        text[text.find(&format!("-----BEGIN {label}")).unwrap()..].to_owned().into_bytes()
    };
    let certificate = folder.with("certificate", &ours, 0o644);
    let key = folder.with("key", &at(&ours, "PRIVATE KEY"), 0o600);
    let group = folder.with("group", &at(&ours, "PRIVATE KEY"), 0o640);
    assert!(read(&certificate, &key, now()).is_ok() && read(&certificate, &group, now()).is_ok());

    let not_ours = folder.with("other", &at(&other, "PRIVATE KEY"), 0o600);
    let open = folder.with("open", &at(&ours, "PRIVATE KEY"), 0o644);
    let empty = folder.with("empty", b"", 0o600);
    let encrypted = folder.with(
        "encrypted",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        0o600,
    );
    let nonsense = folder.with("nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600);
    let no_key = folder.with("no-key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600);
    let missing = folder.0.join("missing");
    let told = |certificate: &Path, key: &Path, now| match read(certificate, key, now) {
        Ok(_) => panic!("{certificate:?} and {key:?} serve"),
        Err(problem) => {
            let text = problem.to_string();
            assert!(problem.hint().is_some() && !text.contains('\n'), "{text}");
            assert_eq!(problem.status(), 8, "{text}");
            (format!("{problem:?}").split([' ', '(']).next().unwrap().to_owned(), text)
        }
    };
    for (certificate, key, now, expected) in [
        (&certificate, &not_ours, now(), "OtherKey"),
        (&certificate, &open, now(), "TooOpen"),
        (&certificate, &empty, now(), "NoKey"),
        (&certificate, &encrypted, now(), "EncryptedKey"),
        (&certificate, &no_key, now(), "BadKey"),
        (&certificate, &missing, now(), "File"),
        (&missing, &key, now(), "File"),
        (&empty, &key, now(), "NoCertificate"),
        (&nonsense, &key, now(), "BadCertificate"),
        (&certificate, &key, now() + DAY * 91, "Expired"),
        (&certificate, &key, now() - DAY * 3, "NotYet"),
    ] {
        assert_eq!(told(certificate, key, now).0, expected);
    }
    let (_, text) = told(&certificate, &key, now() + DAY * 91);
    // 20,090 days after 1970.
    assert!(text.contains("Thu, 02 Jan 2025 00:00:00 GMT"), "{text}");
}

#[test]
fn an_identity_is_replaced_while_it_serves_and_known_by_its_fingerprint() {
    let folder = Folder::new("identity");
    let key = |name: &str| kept(&folder.0.join(name), &some_names(), now()).unwrap().0;
    let identity = Identity::new(key("a"));
    let before = identity.fingerprint();
    assert_eq!(before.len(), 32 * 3 - 1);
    assert_eq!(identity.config().unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
    identity.replace(key("b"));
    assert_ne!(identity.fingerprint(), before);
}

#[test]
fn this_machine_is_called_and_reached_by_names_that_a_certificate_can_have() {
    let names = names();
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    for name in &names {
        assert!(ServerName::try_from(name.as_str()).is_ok(), "{name}");
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
    }
}

#[test]
fn the_end_of_a_certificate_is_known() {
    let folder = Folder::new("end");
    let (key, _) = kept(&folder.0.join("a.pem"), &some_names(), now()).unwrap();
    let identity = Identity::new(key);
    assert_eq!(identity.ends(), Some(now() + DAY * 90));
    let (other, _) = kept(&folder.0.join("b.pem"), &some_names(), now() + DAY).unwrap();
    identity.replace(other);
    assert_eq!(identity.ends(), Some(now() + DAY * 91));
}
