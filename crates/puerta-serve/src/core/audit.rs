//! What should hardly be served, judged by its name, its kind and its first bytes.

/// How many first bytes of a file are enough.
pub const FIRST: usize = 4096;

/// A file is looked into when it is no longer than that: keys are short.
pub const SMALL: u64 = 64 << 10;

/// What is known of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// The permission bits; of a link none.
    pub mode: u32,
    /// The first [`FIRST`] bytes of a file of at most [`SMALL`] bytes; else none.
    pub first: &'a [u8],
}

/// What an entry is; a link to a file or folder inside is what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A FIFO, a socket, a device.
    Special,
    /// A link that leads out of the folder, or is absolute.
    LeadsOut,
    /// A link to something inside that has a name with a dot in front, while its own has none.
    LeadsToHidden,
    /// A file or folder that the server's user may not read.
    Unreadable,
}

/// Why something should hardly be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The folder of a version control system: all that was ever committed.
    Repository,
    /// Keys or passwords of a user, or of a program.
    Secrets,
    /// A private key, by its first bytes.
    PrivateKey,
    /// By its name a key, or a store of keys or passwords.
    KeyByName,
    /// A database, or what was dumped of one.
    Database,
    /// An older copy that an editor or a person has left.
    Backup,
    /// What was typed into a shell.
    History,
    /// Links that lead out are 404.
    LeadsOut,
    /// By a link, something hidden is served.
    LeadsToHidden,
    /// What is neither a file nor a folder is 404.
    Special,
    /// It is 403.
    Unreadable,
    /// Everybody on this machine can change what is served.
    WorldWritable,
}

impl Why {
    /// All of them.
    pub const ALL: [Why; 12] = [
        Why::Repository,
        Why::Secrets,
        Why::PrivateKey,
        Why::KeyByName,
        Why::Database,
        Why::Backup,
        Why::History,
        Why::LeadsOut,
        Why::LeadsToHidden,
        Why::Special,
        Why::Unreadable,
        Why::WorldWritable,
    ];

    /// Whether what lies below needs no look any more: the folder as a whole is what was found.
    pub fn covers_what_is_below(self) -> bool {
        matches!(self, Why::Repository | Why::Secrets)
    }

    /// Whether it is never sent, whatever the server is told.
    pub fn is_never_served(self) -> bool {
        matches!(self, Why::LeadsOut | Why::Special | Why::Unreadable)
    }
}

/// What there is to say of an entry: what it holds, and whether others can change it.
pub fn judge(entry: &Entry<'_>) -> impl Iterator<Item = Why> + use<> {
    let content = match entry.kind {
        Kind::Special => Some(Why::Special),
        Kind::LeadsOut => Some(Why::LeadsOut),
        Kind::LeadsToHidden => Some(Why::LeadsToHidden),
        Kind::Folder => folder(entry.name),
        Kind::File => file(entry.name, entry.first),
        // By its name it may be worse than unreadable, and the permission may change.
        Kind::Unreadable => folder(entry.name).or_else(|| by_name(entry.name)).or(Some(Why::Unreadable)),
    };
    let open = matches!(entry.kind, Kind::File | Kind::Folder) && entry.mode & 0o002 != 0;
    content.into_iter().chain(open.then_some(Why::WorldWritable))
}

fn folder(name: &[u8]) -> Option<Why> {
    match name {
        b".git" | b".hg" | b".svn" | b".bzr" | b"CVS" | b"_darcs" | b".jj" => Some(Why::Repository),
        b".ssh" | b".gnupg" | b".aws" | b".azure" | b".kube" | b".docker" | b".password-store" => Some(Why::Secrets),
        _ => None,
    }
}

fn file(name: &[u8], first: &[u8]) -> Option<Why> {
    if is_private_key(first) {
        return Some(Why::PrivateKey);
    }
    let dumped =
        [&b"SQLite format 3\0"[..], b"PGDMP", b"-- MySQL dump", b"-- MariaDB dump", b"--\n-- PostgreSQL database"];
    if dumped.iter().any(|start| first.starts_with(start)) {
        return Some(Why::Database);
    }
    match by_name(name) {
        // A certificate alone is no secret; a presentation of Keynote is a ZIP archive.
        Some(Why::KeyByName) if is_certificate(first) || first.starts_with(b"PK") => None,
        why => why,
    }
}

fn by_name(name: &[u8]) -> Option<Why> {
    let name = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.len() > end.len() && name.ends_with(end.as_bytes()));
    let is = |names: &[&str]| names.iter().any(|other| name == other.as_bytes());
    // What is there to be copied holds no secrets.
    if ends(&[".example", ".sample", ".dist", ".template", ".pub"]) {
        return None;
    }
    if is(&[".netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", ".htpasswd", ".git-credentials", ".env", ".s3cfg"])
        || name.starts_with(b".env.")
        || is(&["wp-config.php", "credentials.json", "service-account.json", ".dockercfg", "terraform.tfstate"])
    {
        return Some(Why::Secrets);
    }
    if is(&["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"])
        || ends(&[".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"])
    {
        return Some(Why::KeyByName);
    }
    if name.starts_with(b".") && ends(&["_history"]) {
        return Some(Why::History);
    }
    let packed = ["", ".gz", ".bz2", ".xz", ".zst", ".zip"];
    let dump = |end: &str| packed.iter().any(|pack| ends(&[&format!("{end}{pack}")]));
    if dump(".sql") || dump(".dump") || ends(&[".sqlite", ".sqlite3", ".db", ".mdb", ".rdb"]) {
        return Some(Why::Database);
    }
    let editor = name.starts_with(b"#") && name.ends_with(b"#") && name.len() > 2;
    let backup = ends(&["~", ".bak", ".swp", ".swo", ".old", ".orig", ".save", ".rej"]) || editor;
    backup.then_some(Why::Backup)
}

/// PEM (RFC 7468), OpenSSH, OpenPGP, PuTTY; text may stand in front of it.
fn is_private_key(first: &[u8]) -> bool {
    first.starts_with(b"PuTTY-User-Key-File-")
        || first.split(|&b| b == b'\n').any(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let label = line.strip_prefix(b"-----BEGIN ").and_then(|rest| rest.strip_suffix(b"-----"));
            label.is_some_and(|label| label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK")
        })
}

fn is_certificate(first: &[u8]) -> bool {
    let public = [&b"-----BEGIN CERTIFICATE"[..], b"-----BEGIN PUBLIC KEY", b"-----BEGIN DH PARAMETERS"];
    public.iter().any(|start| first.windows(start.len()).any(|part| part == *start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, kind: Kind, mode: u32, first: &str) -> Vec<Why> {
        judge(&Entry { name: name.as_bytes(), kind, mode, first: first.as_bytes() }).collect()
    }

    #[test]
    fn what_should_hardly_be_served_is_found_by_name_kind_and_first_bytes() {
        use Kind::{File, Folder, LeadsOut, LeadsToHidden, Special, Unreadable};
        let key = "Bag Attributes\r\n-----BEGIN ENCRYPTED PRIVATE KEY-----\r\nMII";
        for (name, kind, first, why) in [
            (".git", Folder, "", Why::Repository),
            (".git", Unreadable, "", Why::Repository),
            (".ssh", Folder, "", Why::Secrets),
            (".env", File, "A=1", Why::Secrets),
            (".env.production", File, "", Why::Secrets),
            (".htpasswd", File, "", Why::Secrets),
            ("notes.txt", File, key, Why::PrivateKey),
            ("x", File, "-----BEGIN OPENSSH PRIVATE KEY-----\n", Why::PrivateKey),
            ("x.asc", File, "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", Why::PrivateKey),
            ("both.pem", File, "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", Why::PrivateKey),
            ("a.ppk", File, "PuTTY-User-Key-File-3: ", Why::PrivateKey),
            ("SERVER.KEY", File, "", Why::KeyByName),
            ("id_ed25519", Unreadable, "", Why::KeyByName),
            ("shop.sql.gz", File, "\x1f", Why::Database),
            ("data", File, "SQLite format 3\0", Why::Database),
            ("index.php~", File, "<?php", Why::Backup),
            (".index.php.swp", File, "", Why::Backup),
            ("#a.txt#", File, "", Why::Backup),
            (".bash_history", File, "", Why::History),
            ("link", LeadsOut, "", Why::LeadsOut),
            ("link", LeadsToHidden, "", Why::LeadsToHidden),
            ("fifo", Special, "", Why::Special),
            ("a.txt", Unreadable, "", Why::Unreadable),
        ] {
            assert_eq!(judged(name, kind, 0o644, first), [why], "{name}");
        }
        assert_eq!(judged("a.txt", File, 0o666, ""), [Why::WorldWritable]);
        assert_eq!(judged("a.key", File, 0o666, ""), [Why::KeyByName, Why::WorldWritable]);
    }

    #[test]
    fn what_only_looks_like_it_is_passed_over() {
        for (name, first) in [
            ("index.html", "<p>"),
            ("id_ed25519.pub", "ssh-ed25519 AAAA"),
            ("chain.pem", "-----BEGIN CERTIFICATE-----\nMII"),
            ("talk.key", "PK\u{3}\u{4}"),
            (".env.example", "A="),
            ("how-to.md", "a key begins with -----BEGIN PRIVATE KEY----- and so on"),
            ("~", ""),
            (".bak", ""),
            ("#", ""),
            (".gitignore", "target"),
            ("history", ""),
        ] {
            assert_eq!(judged(name, Kind::File, 0o644, first), [], "{name}");
        }
        assert_eq!(judged("link", Kind::LeadsOut, 0o777, ""), [Why::LeadsOut]);
    }
}
