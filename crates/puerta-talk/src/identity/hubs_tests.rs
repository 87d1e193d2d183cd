use super::*;
use proptest::prelude::*;

fn hub(name: &str, key: u8, address: &str) -> KnownHub {
    KnownHub {
        name: name.to_owned(),
        addresses: vec![address.parse().unwrap()],
        key: Device([key; 32]),
        room: "main".to_owned(),
        trust: Trust::Agreed,
        last_used: 1_763_650_000,
    }
}

fn known() -> Hubs {
    let mut hubs = Hubs::default();
    hubs.remember(hub("ana", 0x22, "10.0.0.5:7777")).unwrap();
    hubs.remember(hub("bea", 0x33, "[2001:db8::1]:7777")).unwrap();
    hubs
}

#[test]
fn a_hub_is_found_by_its_name_its_address_and_its_key() {
    let hubs = known();
    let ana = &hubs.all()[0];
    assert_eq!(hubs.named("ANA"), Some(ana));
    assert_eq!(hubs.at(&"10.0.0.5:7777".parse().unwrap()), Some(ana));
    assert_eq!(hubs.with_key(Device([0x22; 32])), Some(ana));
    assert_eq!((hubs.named("an"), hubs.at(&"10.0.0.5:7778".parse().unwrap())), (None, None));
}

#[test]
fn another_key_at_a_known_address_or_of_a_known_name_is_told_with_both() {
    let hubs = known();
    let shown = Device([0x44; 32]);
    let (new, old) = ("10.9.9.9:1".parse().unwrap(), "10.0.0.5:7777".parse().unwrap());
    for (name, places) in
        [(Some("Ana"), vec![]), (None, vec![new, old]), (Some("eva"), vec!["10.0.0.5:7777".parse().unwrap()])]
    {
        match hubs.check(name, &places, shown) {
            Err(Problem::KeyChanged { name, remembered, shown }) => {
                assert_eq!((name.as_str(), remembered, shown), ("ana", Device([0x22; 32]), Device([0x44; 32])));
            }
            other => panic!("{other:?}"),
        }
    }
    // Another hub that is known has no better right to the name.
    assert!(matches!(hubs.check(Some("ana"), &[], Device([0x33; 32])), Err(Problem::KeyChanged { .. })));
    assert_eq!(hubs.check(Some("eva"), &[], shown).unwrap(), None);
    assert_eq!(hubs.check(Some("ana"), &[], Device([0x22; 32])).unwrap(), hubs.named("ana"));
}

#[test]
fn the_name_of_a_known_hub_with_another_key_is_a_warning_elsewhere_and_a_changed_key_at_its_address() {
    let hubs = known();
    let (shown, ana) = (Device([0x44; 32]), &hubs.all()[0]);
    let (elsewhere, there) = ("10.9.9.9:7777".parse().unwrap(), "10.0.0.5:7777".parse().unwrap());
    assert_eq!(hubs.sighted("ANA", std::slice::from_ref(&elsewhere), shown).unwrap(), Sighted::Namesake(ana));
    assert!(matches!(hubs.sighted("ana", &[elsewhere, there], shown), Err(Problem::KeyChanged { .. })));
    assert_eq!(hubs.sighted("eva", &[], shown).unwrap(), Sighted::New);
    assert_eq!(hubs.sighted("eva", &[], Device([0x22; 32])).unwrap(), Sighted::Known(ana), "the key counts");
}

#[test]
fn two_hubs_of_one_name_are_remembered_under_two_and_each_keeps_its_address() {
    let mut hubs = known();
    hubs.remember(hub("ana", 0x44, "10.9.9.9:7777")).unwrap();
    hubs.remember(hub("Ana", 0x44, "10.9.9.9:7778")).unwrap();
    hubs.remember(hub(&"a".repeat(32), 0x55, "h:1")).unwrap();
    hubs.remember(hub(&"a".repeat(32), 0x66, "10.0.0.5:7777")).unwrap();
    let names: Vec<&str> = hubs.all().iter().map(|hub| hub.name.as_str()).collect();
    let long = "a".repeat(30) + "-2";
    assert_eq!(names, ["ana", "bea", "ana-2", &"a".repeat(32), &long]);
    assert_eq!(hubs.at(&"10.0.0.5:7777".parse().unwrap()), hubs.named("ana"));
    assert_eq!(hubs.named(&long).unwrap().addresses, []);
    assert_eq!(Hubs::parse(&hubs.print().unwrap()), Ok(hubs));
}

#[test]
fn a_changed_key_is_not_remembered_until_the_old_one_is_forgotten() {
    let mut hubs = known();
    let before = hubs.clone();
    let changed = hub("ana", 0x44, "10.0.0.5:7777");
    let problem = hubs.remember(changed.clone()).unwrap_err();
    assert_eq!(problem.status(), 6);
    assert_eq!(problem.hint().unwrap(), "ask its host whether the key is new; if it is: puerta talk forget ana");
    let fingerprints = [0x22, 0x44].map(|key| crate::fingerprint::Fingerprint::of(Device([key; 32])).to_string());
    assert!(fingerprints.iter().all(|f| problem.to_string().contains(f)), "{problem}");
    assert_eq!(hubs, before);
    assert_eq!(hubs.forget("Ana").unwrap().key, Device([0x22; 32]));
    hubs.remember(changed.clone()).unwrap();
    assert_eq!(hubs.named("ana"), Some(&changed));
    assert!(matches!(hubs.forget("nobody"), Err(Problem::UnknownHub { .. })));
}

#[test]
fn what_is_new_of_a_hub_is_remembered_and_trust_never_shrinks() {
    let mut hubs = known();
    let mut again = KnownHub { trust: Trust::Compared, room: "build".to_owned(), ..hub("Anna", 0x22, "10.0.0.6:7777") };
    hubs.remember(again.clone()).unwrap();
    again.trust = Trust::Invited;
    again.last_used -= 1000;
    hubs.remember(again).unwrap();
    let anna = hubs.named("anna").unwrap();
    assert_eq!(anna.addresses, ["10.0.0.6:7777".parse().unwrap(), "10.0.0.5:7777".parse().unwrap()]);
    assert_eq!((anna.trust, anna.room.as_str(), anna.last_used), (Trust::Compared, "build", 1_763_650_000));
    assert_eq!((hubs.named("ana"), hubs.all().len()), (None, 2));
    for port in 1..20 {
        hubs.remember(hub("anna", 0x22, &format!("10.0.0.7:{port}"))).unwrap();
    }
    let anna = hubs.named("anna").unwrap();
    assert_eq!((anna.addresses.len(), anna.addresses[0].port()), (ADDRESSES, 19));
}

#[test]
fn no_more_than_256_hubs_are_remembered_and_none_is_dropped_for_another() {
    let mut hubs = Hubs::default();
    for n in 0..HUBS {
        let mut new = hub(&format!("hub{n}"), 0, &format!("10.0.0.1:{}", n + 1));
        new.key.0[..2].copy_from_slice(&(n as u16).to_be_bytes());
        hubs.remember(new).unwrap();
    }
    assert!(matches!(hubs.remember(hub("more", 9, "h:1")), Err(Problem::TooManyHubs { limit: 256 })));
    assert_eq!(hubs.all().len(), HUBS);
    hubs.remember(hub("hub0", 0, "h:1")).unwrap();
    assert_eq!(Hubs::parse(&hubs.print().unwrap()), Ok(hubs.clone()));
    let second = hubs.print().unwrap().replace(HEAD, "").replace("hub", "bub").replace("[[bub]]", "[[hub]]");
    let too_many = format!("{}\n{}", hubs.print().unwrap(), second.replace("10.0.0.1", "10.0.0.2"));
    assert!(Hubs::parse(&too_many).is_err());
}

#[test]
fn names_that_could_mislead_are_not_remembered() {
    for name in ["", "a b", "#main", "-f", "a\u{1b}[2J", "exe.\u{202e}gpj", &"a".repeat(33)] {
        let problem = Hubs::default().remember(hub(name, 1, "h:1")).unwrap_err();
        assert!(matches!(problem, Problem::HubName { .. }), "{name}: {problem:?}");
        assert!(!problem.to_string().contains(char::is_control), "{problem}");
    }
}

const KEY: &str = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI";

#[test]
fn a_damaged_file_is_told_with_its_line() {
    let good = known().print().unwrap();
    assert_eq!(Hubs::parse(&good), Ok(known()));
    assert_eq!(Hubs::parse(""), Ok(Hubs::default()));
    let line = |n: usize, with: &str| {
        let mut lines: Vec<&str> = good.lines().collect();
        lines[n - 1] = with;
        lines.join("\n")
    };
    assert_eq!(good.lines().nth(3), Some("name = \"ana\""), "{good}");
    let key = format!("key = \"{KEY}\"");
    assert_eq!(good.lines().nth(5), Some(key.as_str()), "{good}");
    let cases = [
        (line(4, "name = ana"), 4),
        (line(4, "name = \"a b\""), 4),
        (line(4, "name = 7"), 4),
        (line(4, "name = \"bea\""), 11),
        (line(5, "addresses = [\"10.0.0.5\"]"), 5),
        (line(5, "addresses = [\"h:1\",\n\"h:2\",\n\"nowhere\"]"), 7),
        (line(5, "addresses = [\"h:1\",\"h:2\",\"h:3\",\"h:4\",\"h:5\",\"h:6\",\"h:7\",\"h:8\",\"h:9\"]"), 5),
        (line(6, "key = \"AAAA\""), 6),
        (line(6, &key.replace("Ii", "!!")), 6),
        (line(8, "trust = \"blind\""), 8),
        (line(9, "last_used = -1"), 9),
        (line(9, "last_used = 1\ncolour = \"red\""), 10),
        (line(3, "[[hubs]]"), 3),
        (line(3, "[[hub]"), 3),
    ];
    for (text, expected) in cases {
        let damaged = Hubs::parse(&text).unwrap_err();
        assert_eq!(damaged.line, expected, "{text}\n{}", damaged.reason);
        assert!(!damaged.reason.is_empty());
    }
    assert!(Hubs::parse(&line(7, "")).is_err(), "a missing key");
}

proptest! {
    #[test]
    fn every_file_reads_back_as_printed(
        names in proptest::collection::hash_set("[a-zé\"\\\\'=]{1,8}", 0..8),
        key: [u8; 32],
        last_used in 0..=i64::MAX as u64,
    ) {
        let mut hubs = Hubs::default();
        for (n, name) in names.iter().enumerate() {
            let mut new = hub(name, 0, &format!("h:{}", n + 1));
            new.key = Device(key);
            new.key.0[0] = n as u8;
            new.last_used = last_used;
            new.trust = [Trust::Agreed, Trust::Invited, Trust::Compared][n % 3];
            let _ = hubs.remember(new);
        }
        prop_assert_eq!(Hubs::parse(&hubs.print().unwrap()), Ok(hubs));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\[\\[hub\\]\\]\n)?(name|key|trust|hub)? ?=?[ -~\n]{0,60}") {
        if let Ok(hubs) = Hubs::parse(&text) {
            prop_assert_eq!(Hubs::parse(&hubs.print().unwrap()), Ok(hubs));
        }
    }
}
