//! Any datagram is no question and no answer, or what is written of it again is the same, byte by byte, and no longer than a
//! question; and never do two hubs both give way.
#![no_main]

use puerta_talk::announcement::{QUESTION, announced, answer, asker, question, yields};

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    if let Some(process) = asker(datagram) {
        assert_eq!(question(process), datagram);
        assert_eq!(announced(datagram), None);
    }
    // The second half as another hub's, where it is one.
    let (first, second) = datagram.split_at(datagram.len() / 2);
    let hubs = [datagram, first, second].map(announced);
    for (datagram, hub) in [datagram, first, second].iter().zip(&hubs) {
        let Some((asker, hub)) = hub else { continue };
        assert!(datagram.len() <= QUESTION && hub.check().is_ok());
        assert_eq!(answer(*asker, hub), *datagram);
        assert!(!yields(hub, hub));
    }
    if let [_, Some((_, a)), Some((_, b))] = &hubs {
        assert!(!(yields(a, b) && yields(b, a)));
    }
});
