//! Names and passwords. To look at one is slow by intention (argon2), so that it is done by few threads, and what was right is
//! known by a keyed hash for a while.

use crate::core::access::Denied;
use crate::core::access::basic::Credentials;
use crate::core::access::failures::{Failures, network};
use crate::core::head::Head;
use crate::problem::Problem;
use crate::store::pool::Pool;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use blake3::Hash;
use puerta::Endpoint;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a right password is known without being looked at again.
pub const KNOWN: Duration = Duration::from_secs(300);
/// Threads that look at passwords.
const THREADS: usize = 2;
/// Passwords that wait to be looked at; more get 503.
const WAITING: usize = 64;
/// The most memory that a given hash may ask for, in KiB, and its most passes: each wrong password costs that.
const MEMORY: u32 = 1 << 20;
const PASSES: u32 = 64;

/// Those who may come in.
pub struct Passwords(Arc<Shared>);

struct Shared {
    users: Vec<User>,
    key: [u8; 32],
    started: Instant,
    failures: Mutex<Failures>,
    pool: Pool,
}

/// A name and the hash of its password.
pub struct User {
    name: String,
    /// PHC string format.
    hash: PasswordHash,
    /// Name and password, once they were right.
    right: OnceLock<Hash>,
    /// Up to when that counts, in milliseconds.
    until: AtomicU64,
}

impl User {
    /// A name and a password, of which the hash is kept alone.
    ///
    /// # Errors
    /// [`Problem::BadUser`] for a name with a colon or a control character; [`Problem::BadPassword`] for a password that is
    /// empty or has a control character in it (RFC 7617 section 2); the system has no random numbers.
    pub fn new(name: &str, password: &[u8]) -> Result<Self, Problem> {
        if password.is_empty() || password.iter().any(u8::is_ascii_control) {
            return Err(Problem::BadPassword);
        }
        let mut salt = [0; 16];
        random(&mut salt)?;
        let hash = Argon2::default().hash_password_with_salt(password, &salt).map_err(|_| Problem::BadPassword)?;
        Self::of(name, hash)
    }

    /// A name and the hash of its password in the PHC string format: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    ///
    /// # Errors
    /// [`Problem::BadUser`] as above; [`Problem::BadHash`] for what is no hash of argon2, or one that costs more than 1 GiB or 64 passes.
    pub fn hashed(name: &str, hash: &str) -> Result<Self, Problem> {
        let hash = PasswordHash::new(hash).map_err(|_| Problem::BadHash)?;
        let params = Params::try_from(&hash).map_err(|_| Problem::BadHash)?;
        let is_argon2 = hash.algorithm.as_str().starts_with("argon2") && hash.hash.is_some() && hash.salt.is_some();
        if !is_argon2 || params.m_cost() > MEMORY || params.t_cost() > PASSES {
            return Err(Problem::BadHash);
        }
        Self::of(name, hash)
    }

    fn of(name: &str, hash: PasswordHash) -> Result<Self, Problem> {
        if name.is_empty() || name.chars().any(|c| c == ':' || c.is_control()) {
            return Err(Problem::BadUser(name.to_owned()));
        }
        Ok(User { name: name.to_owned(), hash, right: OnceLock::new(), until: AtomicU64::new(0) })
    }
}

impl Passwords {
    /// Those users. No thread is started yet.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(users: Vec<User>) -> Result<Self, Problem> {
        let mut key = [0; 32];
        random(&mut key)?;
        let pool = Pool::new("puerta-passwords", THREADS, WAITING);
        let (started, failures) = (Instant::now(), Mutex::default());
        Ok(Passwords(Arc::new(Shared { users, key, started, failures, pool })))
    }

    /// Whether a request is let in, as far as that is known; `None`: its password has to be looked at.
    pub(crate) fn admit_now(&self, head: &Head<'_>) -> Option<Result<(), Denied>> {
        let Some(shown) = Credentials::read(head) else { return Some(Err(Denied::Password)) };
        if self.0.is_known(&shown, self.0.now()) { Some(Ok(())) } else { None }
    }

    /// Whether it is. An address that was wrong too often is not looked at.
    pub(crate) async fn admit(&self, head: &Head<'_>, peer: Option<&Endpoint>) -> Result<(), Denied> {
        let shown = Credentials::read(head).ok_or(Denied::Password)?;
        let from = peer.and_then(Endpoint::inet).map(|peer| network(peer.ip()));
        let shared = self.0.clone();
        shared.failures().begin(from, shared.now()).map_err(|wait| Denied::TooMany(wait.div_ceil(1000)))?;
        let looked = shared.clone();
        let looked = shared.pool.run(move || looked.look(&shown, from)).await;
        match looked {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denied::Password),
            Err(_) => {
                shared.failures().right(from, shared.now());
                Err(Denied::Busy)
            }
        }
    }
}

impl Shared {
    /// By a thread that may take its time. To who does not exist it takes as long.
    fn look(&self, shown: &Credentials, from: Option<IpAddr>) -> bool {
        let user = self.users.iter().find(|user| user.name.as_bytes() == shown.user());
        // Several requests of one page come with the same password; the first one told.
        let right = self.is_known(shown, self.now()) || {
            let hash = user.or(self.users.first()).map(|user| &user.hash);
            let fits = |hash| Argon2::default().verify_password(shown.password(), hash).is_ok();
            hash.is_some_and(fits) && user.is_some()
        };
        let now = self.now();
        if let Some(user) = user.filter(|_| right) {
            let _ = user.right.set(self.keyed(shown));
            let known = u64::try_from(KNOWN.as_millis()).unwrap_or(0);
            user.until.store(now.saturating_add(known), Ordering::Relaxed);
            self.failures().right(from, now);
        }
        right
    }

    fn is_known(&self, shown: &Credentials, now: u64) -> bool {
        let keyed = self.keyed(shown);
        // Compared in constant time: it is the type that does so.
        self.users.iter().any(|user| user.until.load(Ordering::Relaxed) > now && user.right.get() == Some(&keyed))
    }

    fn keyed(&self, shown: &Credentials) -> Hash {
        blake3::keyed_hash(&self.key, shown.as_bytes())
    }

    /// Milliseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
/// The system has none: getrandom(2).
pub fn random(bytes: &mut [u8]) -> Result<(), Problem> {
    let failed = |_| Problem::System(std::io::Error::other("there are no random numbers (getrandom)"));
    SystemRandom::new().fill(bytes).map_err(failed)
}

/// The names alone.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.users).finish()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::access::failures::BURST;
    use crate::core::head::{Field, Method, Version};
    use data_encoding::BASE64;

    /// Of `geheim`, as cheap as can be.
    fn user(name: &str) -> User {
        let cheap =
            Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let hash: PasswordHash = cheap.hash_password_with_salt(b"geheim", b"saltsaltsalt").unwrap();
        User::hashed(name, &hash.to_string()).unwrap()
    }

    fn asked<R>(shown: &str, ask: impl FnOnce(&Head<'_>) -> R) -> R {
        let value = format!("Basic {}", BASE64.encode(shown.as_bytes()));
        let fields = [Field { name: "Authorization", value: value.as_bytes() }];
        ask(&Head { method: Method::Get, target: b"/", version: Version::Http11, fields: &fields })
    }

    fn admit(passwords: &Passwords, shown: &str, peer: &Endpoint) -> Result<(), Denied> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        asked(shown, |head| match passwords.admit_now(head) {
            Some(known) => known,
            None => runtime.block_on(passwords.admit(head, Some(peer))),
        })
    }

    fn peer(last: u8) -> Endpoint {
        Endpoint::Inet(([10, 0, 0, last], 80).into())
    }

    #[test]
    fn the_right_password_lets_in_and_is_known_from_then_on() {
        let passwords = Passwords::new(vec![user("ana"), user("eva")]).unwrap();
        assert_eq!(asked("ana:geheim", |head| passwords.admit_now(head)), None);
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
        assert_eq!(asked("ana:geheim", |head| passwords.admit_now(head)), Some(Ok(())));
        // Only this name with this password.
        for other in ["eva:geheim", "ana:", "ana:geheim ", "ana:Geheim", "an:a:geheim", ":geheim", "otto:geheim"] {
            assert_eq!(asked(other, |head| passwords.admit_now(head)), None, "{other}");
        }
        assert_eq!(passwords.0.users[0].until.swap(0, Ordering::Relaxed) / 1000, KNOWN.as_secs());
        assert_eq!(asked("ana:geheim", |head| passwords.admit_now(head)), None);
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
    }

    #[test]
    fn wrong_passwords_are_refused_and_then_not_even_looked_at() {
        let passwords = Passwords::new(vec![user("ana")]).unwrap();
        for wrong in ["ana:", "ana:geheim2", "otto:geheim", ":", "ana:GEHEIM"] {
            assert_eq!(admit(&passwords, wrong, &peer(1)), Err(Denied::Password), "{wrong}");
        }
        for _ in 5..BURST {
            assert_eq!(admit(&passwords, "ana:x", &peer(1)), Err(Denied::Password));
        }
        let refused = admit(&passwords, "ana:geheim", &peer(1));
        assert!(matches!(refused, Err(Denied::TooMany(1..=6))), "{refused:?}");
        // Others are let in, and then who is known is, from wherever.
        assert_eq!(admit(&passwords, "ana:geheim", &peer(2)), Ok(()));
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
    }

    #[test]
    fn a_name_a_password_or_a_hash_that_cannot_be_one_is_refused() {
        for name in ["", "a:b", "a\nb"] {
            assert!(matches!(User::new(name, b"x"), Err(Problem::BadUser(_))), "{name:?}");
        }
        for password in ["", "a\nb", "\t"] {
            assert!(matches!(User::new("ana", password.as_bytes()), Err(Problem::BadPassword)));
        }
        for hash in [
            "",
            "geheim",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT",
        ] {
            assert!(matches!(User::hashed("ana", hash), Err(Problem::BadHash)), "{hash}");
        }
        assert_eq!(format!("{:?}", Passwords::new(vec![user("ana")]).unwrap()), "[\"ana\"]");
    }
}
