//! Ways in which a hub, a member or a disk could be wrong, to see that the checks find it. Each changes what goes between a core and
//! its driver; the cores themselves know nothing of it.

/// A deliberate fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The hub is told that a batch is durable when it goes to the log.
    AcknowledgedBeforeCommit,
    /// A failed fsync is tried again, and the second time it says that all is well.
    RetriedFsync,
    /// The hub is told that the log has nothing of a stream.
    NoMemoryOfStreams,
    /// Members never ask for what they miss.
    GapNotAskedFor,
    /// The hub answers a request for what follows a place with one record too few at its start.
    CatchUpOffByOne,
    /// The outbox says that it has a message when it is only written.
    SentBeforeKept,
    /// The outbox forgets a message when it was sent.
    ForgottenWhenSent,
    /// What is for a room goes to everyone.
    FanToAll,
    /// A process that starts gives its stream's numbers anew.
    NumbersReused,
}

impl Broken {
    /// All of them.
    pub const ALL: [Broken; 9] = [
        Broken::AcknowledgedBeforeCommit,
        Broken::RetriedFsync,
        Broken::NoMemoryOfStreams,
        Broken::GapNotAskedFor,
        Broken::CatchUpOffByOne,
        Broken::SentBeforeKept,
        Broken::ForgottenWhenSent,
        Broken::FanToAll,
        Broken::NumbersReused,
    ];
}
