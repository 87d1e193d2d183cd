//! The loop under all screens, with one that does nothing by itself.

use super::script::{MAIN, id};
use super::*;
use puerta_talk::room::frame::Target;
use puerta_talk::room::record::Kind;

/// Says each line that is typed, and ends with `/quit`; its output takes nothing once it is `closed`.
#[derive(Default)]
struct Plain {
    out: VecDeque<Command>,
    waiting: usize,
    refused: usize,
    quit: bool,
    closed: bool,
    /// What the core had not taken when the output was written to.
    held_up: usize,
}

impl Screen for Plain {
    fn event(&mut self, event: Event, _: Instant) {
        match event {
            Event::Stored { .. } => self.waiting -= 1,
            Event::NotKept { .. } => (self.waiting, self.refused) = (self.waiting - 1, self.refused + 1),
            _ => {}
        }
    }

    fn typed(&mut self, typed: Typed, _: Instant) {
        match typed {
            Typed::Line(line) if line == "/quit" => self.quit = true,
            Typed::Line(text) => {
                self.waiting += 1;
                self.out.push_back(Command::Say { to: Target::Room("main".to_owned()), kind: Kind::Text, text });
            }
            _ => {}
        }
    }

    fn show(&mut self, _: Instant) -> io::Result<()> {
        self.held_up += self.out.len();
        if self.closed && self.waiting > 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn commands(&mut self) -> &mut VecDeque<Command> {
        &mut self.out
    }

    fn ended(&mut self) -> Option<Ended> {
        self.quit.then_some(Ended::Quit)
    }

    fn not_stored(&self) -> usize {
        assert_eq!(self.held_up, 0, "an output was waited for first");
        self.waiting + self.refused
    }

    fn takes_on(&self) -> bool {
        true
    }
}

/// Runs it with what is typed until it ends, or is stopped; the core answers each message when nobody gives it more.
fn run_plain(screen: Plain, typed: &[&str], stop: bool, answer: impl Fn() -> Event) -> (Ended, Left, usize) {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (show, events) = mpsc::channel(16);
        let (_say, notices) = mpsc::channel(1);
        let (commands, mut wishes) = mpsc::channel(16);
        let (keys, typing) = mpsc::channel(16);
        let (tell, stopped) = watch::channel(false);
        for line in typed {
            keys.send(Typed::Line((*line).to_owned())).await.unwrap();
        }
        if stop {
            tell.send(true).unwrap();
        }
        let core = async move {
            let mut said = 0;
            while wishes.recv().await.is_some() {
                said += 1;
            }
            for _ in 0..said {
                let _ = show.send(answer()).await;
            }
            said
        };
        let turn = turn(screen, Feed { events, notices, commands }, typing, stopped);
        let ((ended, left), said) = tokio::join!(turn, core);
        drop((keys, tell));
        (ended, left, said)
    })
}

fn stored() -> Event {
    Event::Stored { id: id(1, 1), room: MAIN, seq: 1 }
}

fn not_kept() -> Event {
    Event::NotKept { id: None, text: "x".to_owned(), why: "disk full".to_owned() }
}

#[test]
fn what_becomes_of_the_last_words_is_heard_before_the_end() {
    let (ended, left, said) = run_plain(Plain::default(), &["one", "two", "/quit"], false, stored);
    assert!(matches!(ended, Ended::Quit) && (left.messages, said) == (0, 2), "{ended:?} {left:?}");
    let (ended, left, said) = run_plain(Plain::default(), &["one", "two", "/quit"], false, not_kept);
    assert!(matches!(ended, Ended::Quit) && (left.messages, said) == (2, 2), "{ended:?} {left:?}");
}

#[test]
fn what_was_read_before_a_signal_is_said() {
    let (ended, left, said) = run_plain(Plain::default(), &["one", "two", "three"], true, stored);
    assert!(matches!(ended, Ended::Quit) && (left.messages, said) == (0, 3), "{ended:?} {left:?}");
}

#[test]
fn what_was_said_is_handed_over_and_counted_though_the_output_is_closed() {
    let closed = Plain { closed: true, ..Plain::default() };
    let (ended, left, said) = run_plain(closed, &["one"], false, not_kept);
    assert!(matches!(ended, Ended::OutputFailed(_)) && (left.messages, said) == (1, 1), "{ended:?} {left:?}");
}
