//! Names and passwords. To look at one is slow by intention (argon2), so that it is done by few threads, and what was right is
//! known by a keyed hash for a while.

use crate::core::access::Denied;
use crate::core::access::basic::Credentials;
use crate::core::access::failures::{Failures, Whose, place};
use crate::core::head::Head;
use crate::problem::Problem;
use crate::store::pool::Pool;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use blake3::{Hash, Hasher};
use puerta::Endpoint;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a right password that is not used is known without being looked at again.
pub const KNOWN: Duration = Duration::from_secs(300);
/// Threads that look at passwords.
const THREADS: usize = 2;
/// Passwords that wait to be looked at; more get 503.
const WAITING: usize = 64;
/// The most memory that a given hash may ask for, in KiB, and its most passes: each wrong password costs that.
const MEMORY: u32 = 1 << 20;
const PASSES: u32 = 64;

/// How long a name may be, in bytes: it stands in each line of the access log.
pub const NAME: usize = 255;

/// Right passwords that are known, each from one place.
const MOST: usize = 4096;

/// Those who may come in.
pub struct Passwords(Arc<Shared>);

struct Shared {
    users: Vec<User>,
    key: [u8; 32],
    started: Instant,
    failures: Mutex<Failures>,
    /// What was right, and up to when that counts, in milliseconds. Each use puts that off: users and passwords are those of the
    /// start, so there is nothing that would have to be seen after a time.
    known: RwLock<HashMap<Asked, AtomicU64>>,
    /// Who waits for each look that is not over: of these there are no more than the pool takes.
    looks: Mutex<HashMap<Asked, Vec<oneshot::Sender<bool>>>>,
    pool: Pool,
}

/// A name, a password, and from where they came, as one keyed hash: what is known of one place tells nobody elsewhere whether
/// a guess is right.
type Asked = Hash;

/// A name and the hash of its password.
pub struct User {
    name: Arc<str>,
    /// PHC string format.
    hash: PasswordHash,
}

impl User {
    /// A name and a password, of which the hash is kept alone.
    ///
    /// # Errors
    /// [`Problem::BadUser`] for a name with a colon or a control character, or of more than [`NAME`] bytes; [`Problem::BadPassword`] for a password that is
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
        if name.is_empty() || name.len() > NAME || name.chars().any(|c| c == ':' || c.is_control()) {
            return Err(Problem::BadUser(name.to_owned()));
        }
        Ok(User { name: name.into(), hash })
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
        let (known, looks) = (RwLock::default(), Mutex::default());
        Ok(Passwords(Arc::new(Shared { users, key, started, failures, known, looks, pool })))
    }

    /// As whom a request is let in, as far as that is known; `None`: its password has to be looked at.
    pub(crate) fn admit_now(&self, head: &Head<'_>, peer: Option<&Endpoint>) -> Option<Result<Arc<str>, Denied>> {
        let Some(shown) = Credentials::read(head) else { return Some(Err(Denied::Password)) };
        let known = self.0.is_known(&self.0.asked(&shown, place_of(peer)));
        let name = if known { self.0.name(&shown) } else { None };
        name.map(Ok)
    }

    /// As whom it is. Where too much was wrong it is not looked at. What comes again from the same place meanwhile waits for the same
    /// look, and counts once: a page asks for many things at once.
    pub(crate) async fn admit(&self, head: &Head<'_>, peer: Option<&Endpoint>) -> Result<Arc<str>, Denied> {
        let shown = Credentials::read(head).ok_or(Denied::Password)?;
        let name = self.0.name(&shown).ok_or(Denied::Password);
        let Some(looked) = self.0.look_at(shown, place_of(peer))? else { return name };
        match looked.await {
            Ok(true) => name,
            Ok(false) => Err(Denied::Password),
            Err(_) => Err(Denied::Busy),
        }
    }
}

impl Shared {
    /// Has it looked at, or waits for a look that is under way; `None`: it became known meanwhile.
    fn look_at(
        self: &Arc<Self>,
        shown: Credentials,
        place: Option<IpAddr>,
    ) -> Result<Option<oneshot::Receiver<bool>>, Denied> {
        let asked = self.asked(&shown, place);
        let (tell, told) = oneshot::channel();
        let mut looks = self.looks();
        // What is over was known before it was over.
        if self.is_known(&asked) {
            return Ok(None);
        }
        if let Some(waiting) = looks.get_mut(&asked) {
            waiting.push(tell);
            return Ok(Some(told));
        }
        let user = self.user(&shown);
        let whose = place.map_or_else(|| user.map_or(Whose::Nobody, Whose::User), Whose::Network);
        self.failures().begin(whose, self.now()).map_err(|wait| Denied::TooMany(wait.div_ceil(1000)))?;
        looks.insert(asked, vec![tell]);
        drop(looks);
        let look = Look { shared: self.clone(), shown, user, asked, whose, right: None };
        // Where there is no room for it, it is dropped, which tells all who wait.
        let _ = self.pool.hand(move || look.run());
        Ok(Some(told))
    }

    fn user(&self, shown: &Credentials) -> Option<usize> {
        self.users.iter().position(|user| user.name.as_bytes() == shown.user())
    }

    fn name(&self, shown: &Credentials) -> Option<Arc<str>> {
        self.user(shown).and_then(|user| self.users.get(user)).map(|user| user.name.clone())
    }

    fn is_known(&self, asked: &Asked) -> bool {
        let now = self.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = known.get(asked).filter(|until| until.load(Ordering::Relaxed) > now) else { return false };
        until.store(until_from(now), Ordering::Relaxed);
        true
    }

    /// Makes room: of what is over, else of what would be soonest.
    fn know(&self, asked: Asked) {
        let now = self.now();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, until| *until.get_mut() > now);
        }
        if known.len() >= MOST {
            let soonest = known.iter().min_by_key(|(_, until)| until.load(Ordering::Relaxed)).map(|(asked, _)| *asked);
            soonest.map(|asked| known.remove(&asked));
        }
        known.insert(asked, until_from(now).into());
    }

    fn asked(&self, shown: &Credentials, place: Option<IpAddr>) -> Asked {
        let mut hasher = Hasher::new_keyed(&self.key);
        match place {
            None => hasher.update(&[0]),
            Some(IpAddr::V4(address)) => hasher.update(&[4]).update(&address.octets()),
            Some(IpAddr::V6(address)) => hasher.update(&[6]).update(&address.octets()),
        };
        hasher.update(shown.as_bytes()).finalize()
    }

    /// Milliseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<Asked, Vec<oneshot::Sender<bool>>>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look at a password. Dropped, it tells all who wait for it; what was right counts for nothing, nor does what was not looked at.
struct Look {
    shared: Arc<Shared>,
    shown: Credentials,
    user: Option<usize>,
    asked: Asked,
    whose: Whose,
    right: Option<bool>,
}

impl Look {
    /// By a thread that may take its time. To who does not exist it takes as long.
    fn run(mut self) {
        let users = &self.shared.users;
        let user = self.user.and_then(|user| users.get(user));
        let hash = user.or(users.first()).map(|user| &user.hash);
        let fits = |hash| Argon2::default().verify_password(self.shown.password(), hash).is_ok();
        let right = hash.is_some_and(fits) && user.is_some();
        if right {
            self.shared.know(self.asked);
        }
        self.right = Some(right);
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if self.right != Some(false) {
            self.shared.failures().right(self.whose, self.shared.now());
        }
        let waiting = self.shared.looks().remove(&self.asked).unwrap_or_default();
        if let Some(right) = self.right {
            for tell in waiting {
                let _ = tell.send(right);
            }
        }
    }
}

fn place_of(peer: Option<&Endpoint>) -> Option<IpAddr> {
    place(peer.and_then(Endpoint::inet).map(|peer| peer.ip()))
}

/// Up to when something is known that was seen or used now.
fn until_from(now: u64) -> u64 {
    now.saturating_add(u64::try_from(KNOWN.as_millis()).unwrap_or(0))
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
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::task::{Context, Poll};

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
        at_once(passwords, &[(shown.to_owned(), peer.clone())]).remove(0)
    }

    /// What each of these is answered, when all have asked before anything is looked at.
    fn at_once(passwords: &Passwords, all: &[(String, Endpoint)]) -> Vec<Result<(), Denied>> {
        let held: Vec<_> = (0..THREADS).map(|_| mpsc::channel::<()>()).collect();
        let hold = |wait: mpsc::Receiver<()>| passwords.0.pool.hand(move || _ = wait.recv()).unwrap();
        let held: Vec<_> = held.into_iter().map(|(go, wait)| (go, hold(wait))).collect();
        let ask = async |(shown, peer): &(String, Endpoint)| {
            let value = format!("Basic {}", BASE64.encode(shown.as_bytes()));
            let fields = [Field { name: "Authorization", value: value.as_bytes() }];
            let head = Head { method: Method::Get, target: b"/", version: Version::Http11, fields: &fields };
            match passwords.admit_now(&head, Some(peer)) {
                Some(known) => known.map(drop),
                None => passwords.admit(&head, Some(peer)).await.map(drop),
            }
        };
        let mut asking: Vec<_> = all.iter().map(|one| (Box::pin(ask(one)), None)).collect();
        let mut poll_all = |cx: &mut Context<'_>| {
            for (one, done) in asking.iter_mut().filter(|(_, done)| done.is_none()) {
                if let Poll::Ready(answer) = one.as_mut().poll(cx) {
                    *done = Some(answer);
                }
            }
            asking.iter().map(|(_, done)| *done).collect::<Option<Vec<_>>>()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            poll_fn(|cx| {
                let _ = poll_all(cx);
                Poll::Ready(())
            })
            .await;
            drop(held);
            poll_fn(|cx| poll_all(cx).map_or(Poll::Pending, Poll::Ready)).await
        })
    }

    fn known(passwords: &Passwords, shown: &str, peer: &Endpoint) -> Option<Result<(), Denied>> {
        asked(shown, |head| passwords.admit_now(head, Some(peer))).map(|known| known.map(drop))
    }

    fn peer(last: u8) -> Endpoint {
        Endpoint::Inet(([10, 0, 0, last], 80).into())
    }

    #[test]
    fn the_right_password_lets_in_and_is_known_there_from_then_on() {
        let passwords = Passwords::new(vec![user("ana"), user("eva")]).unwrap();
        assert_eq!(known(&passwords, "ana:geheim", &peer(1)), None);
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
        assert_eq!(known(&passwords, "ana:geheim", &peer(1)), Some(Ok(())));
        // Only this name with this password, and nobody else learns of it.
        for other in ["eva:geheim", "ana:", "ana:geheim ", "ana:Geheim", "an:a:geheim", ":geheim", "otto:geheim"] {
            assert_eq!(known(&passwords, other, &peer(1)), None, "{other}");
        }
        assert_eq!(known(&passwords, "ana:geheim", &peer(2)), None);
    }

    #[test]
    fn what_is_known_is_forgotten_when_it_is_not_used_and_each_use_puts_that_off() {
        let passwords = Passwords::new(vec![user("ana")]).unwrap();
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
        let until = |new: u64| {
            let known = passwords.0.known.read().unwrap();
            known.values().next().unwrap().swap(new, Ordering::Relaxed)
        };
        let soon = passwords.0.now() + 60_000;
        assert!(until(soon) > soon);
        assert_eq!(known(&passwords, "ana:geheim", &peer(1)), Some(Ok(())));
        assert!(until(0) >= soon + KNOWN.as_millis() as u64 - 60_000);
        assert_eq!(known(&passwords, "ana:geheim", &peer(1)), None);
        assert_eq!(admit(&passwords, "ana:geheim", &peer(1)), Ok(()));
    }

    #[test]
    fn many_requests_at_once_with_the_right_password_are_all_let_in() {
        let passwords = Passwords::new(vec![user("ana")]).unwrap();
        let all = vec![("ana:geheim".to_owned(), peer(1)); 100];
        assert_eq!(at_once(&passwords, &all), vec![Ok(()); 100]);
        assert_eq!(format!("{:?}", *passwords.0.failures()), format!("{:?}", Failures::default()));
        assert!(passwords.0.looks().is_empty());
    }

    #[test]
    fn of_many_wrong_passwords_at_once_as_many_are_looked_at_as_may_be() {
        let passwords = Passwords::new(vec![user("ana")]).unwrap();
        let all: Vec<_> = (0..20).map(|n| (format!("ana:{n}"), peer(1))).collect();
        let answers = at_once(&passwords, &all);
        let wrong = answers.iter().filter(|answer| **answer == Err(Denied::Password)).count();
        let refused = answers.iter().filter(|answer| matches!(answer, Err(Denied::TooMany(_)))).count();
        assert_eq!((wrong, refused), (BURST as usize, 20 - BURST as usize));
    }

    #[test]
    fn what_finds_no_room_is_told_and_does_not_count() {
        let passwords = Passwords::new(vec![user("ana")]).unwrap();
        let all: Vec<_> = (0..100).map(|n| (format!("ana:{n}"), peer(n))).collect();
        let answers = at_once(&passwords, &all);
        let busy: Vec<_> = (0..100).filter(|n| answers[*n] == Err(Denied::Busy)).collect();
        assert!(busy.len() >= 100 - WAITING && busy.len() < 100, "{busy:?}");
        let failures = passwords.0.failures();
        let counted = |n: usize| format!("{failures:?}").contains(&format!("10.0.0.{n})"));
        assert!((0..100).all(|n| counted(n) != busy.contains(&n)), "{failures:?}");
        assert!(passwords.0.looks().is_empty());
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
        // Others are let in, which tells nothing there.
        assert_eq!(admit(&passwords, "ana:geheim", &peer(2)), Ok(()));
        let refused = admit(&passwords, "ana:geheim", &peer(1));
        assert!(matches!(refused, Err(Denied::TooMany(1..=6))), "{refused:?}");
    }

    #[test]
    fn where_clients_cannot_be_told_apart_guesses_at_one_name_keep_out_no_other() {
        for peer in [Endpoint::Inet(([127, 0, 0, 1], 80).into()), Endpoint::Unix(puerta::UnixAddr::Unnamed)] {
            let passwords = Passwords::new(vec![user("ana"), user("eva")]).unwrap();
            for n in 0..2 * BURST {
                let _ = admit(&passwords, &format!("ana:{n}"), &peer);
                let _ = admit(&passwords, &format!("{n}:geheim"), &peer);
            }
            for refused in [admit(&passwords, "ana:geheim", &peer), admit(&passwords, "new:geheim", &peer)] {
                assert!(matches!(refused, Err(Denied::TooMany(1..=6))), "{refused:?}");
            }
            assert_eq!(admit(&passwords, "eva:geheim", &peer), Ok(()));
        }
    }

    #[test]
    fn a_name_a_password_or_a_hash_that_cannot_be_one_is_refused() {
        for name in ["", "a:b", "a\nb", &"a".repeat(NAME + 1)] {
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
