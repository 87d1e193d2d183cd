//! `puerta serve` in a terminal: what it asks there, and the link as a code for phones.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod talk;

use rqrr::{Grid, SimpleGrid};
use talk::{Network, User};

const SIZE: (u16, u16) = (40, 100);

/// A user with a folder to serve.
fn user(name: &str) -> (User, String) {
    let user = User::new(name);
    let site = user.home.name("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(format!("{site}/a.txt"), "alpha").unwrap();
    (user, site)
}

fn status(network: &Network, words: &[&str]) -> String {
    let curl = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}"].into_iter();
    String::from_utf8(network.run(curl.chain(words.iter().copied())).finish().stdout).unwrap()
}

#[test]
fn a_password_is_asked_for_twice_without_showing_it_and_opens_the_folder() {
    let (network, (user, site)) = (Network::new(), user("serve-ana"));
    let words = ["serve", &site, "--auth", "ana", "--listen", "127.0.0.1:8000"];
    let mut terminal = network.puerta(SIZE, &user, &words);
    terminal.shows("Password for ana:").types("geheimnis\r").shows("Once more, for ana:").types("geheimnis\r");
    terminal.shows("http://127.0.0.1:8000/");
    assert!(!terminal.picture().contains("geheim"), "{}", terminal.picture());
    let url = "http://127.0.0.1:8000/a.txt";
    assert_eq!(status(&network, &["-u", "ana:geheimnis", url]), "200");
    assert_eq!(status(&network, &["-u", "ana:geheimnix", url]), "401");
    terminal.types("\u{3}");
    assert_eq!(terminal.end().0, 0);
    assert!(!String::from_utf8_lossy(&terminal.all).contains("geheim"));

    let mut terminal = network.puerta(SIZE, &user, &words);
    terminal.shows("Password for ana:").types("geheimnix\r").shows("Once more, for ana:").types("geheimnis\r");
    terminal.shows("The two are not the same. Password for ana:").types("\r");
    terminal.shows("It cannot be empty. Password for ana:").types("geheimnis\r");
    terminal.until("question", |picture| picture.matches("Once more, for ana:").count() == 2).types("geheimnis\r");
    terminal.shows("http://127.0.0.1:8000/").types("\u{3}");
    assert_eq!(terminal.end().0, 0);

    let mut terminal = network.puerta(SIZE, &user, &words);
    for tries in 1..=3 {
        let asked = |words: &'static str| move |picture: &str| picture.matches(words).count() == tries;
        terminal.until("question", asked("Password for ana:")).types("geheimnis\r");
        terminal.until("question", asked("Once more, for ana:")).types("geheimnix\r");
    }
    let (status, picture) = terminal.end();
    assert_eq!(status, 2, "{picture}");
    assert!(
        picture.contains("3 times and never typed twice the same") && picture.contains("hint: start this again"),
        "{picture}"
    );
    assert!(terminal.is_usual(), "what is typed shows again");

    for (signal, status) in [(None, 130), (Some("INT"), 130), (Some("TERM"), 143)] {
        let mut terminal = network.puerta(SIZE, &user, &words);
        terminal.shows("Password for ana:");
        match signal {
            Some(name) => terminal.signal(name),
            None => terminal.types("geh\u{3}"),
        };
        assert_eq!(terminal.end().0, status);
        assert!(terminal.is_usual(), "what is typed shows again");
    }
}

#[test]
fn the_code_on_the_terminal_is_the_link_that_others_open() {
    let ((network, phone), (user, site)) = (Network::wired(), user("serve-share"));
    let mut terminal = network.puerta(SIZE, &user, &["serve", &site, "--share"]);
    terminal.until("code", |picture| code(picture).is_some());
    let picture = terminal.picture();
    let link = code(&picture).unwrap();
    assert!(link.starts_with("https://10.0.0.1:") && link.contains("/?ticket="), "{link}");
    assert!(picture.replace('\n', "").contains(&link), "{link} is not what is written in\n{picture}");
    // Else its dark dots were light on a dark terminal, which not every phone reads.
    assert!(String::from_utf8_lossy(&terminal.all).contains("\x1b[30;107m"), "black on white");
    let file = link.replace("/?", "/a.txt?");
    assert_eq!(status(&phone, &[&file]), "200");
    assert_eq!(status(&phone, &[file.split('?').next().unwrap()]), "403");
    terminal.types("\u{3}");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn link_and_fingerprint_stand_beside_a_code_that_is_whole_or_alone_where_it_would_not_be() {
    let ((network, _phone), (user, site)) = (Network::wired(), user("serve-small"));
    let words = ["serve", &site, "--share"];
    let stands = |picture: &str, text: &str| picture.replace('\n', "").contains(text);
    for rows in [40, 24, 20] {
        let mut terminal = network.puerta((rows, 80), &user, &words);
        terminal.until("code, link and fingerprint", |picture| {
            let link = code(picture);
            link.is_some_and(|link| stands(picture, &link)) && stands(picture, "certificate: SHA-256 ")
        });
        terminal.types("\u{3}");
        assert_eq!(terminal.end().0, 0);
    }
    for size in [(40, 30), (12, 80)] {
        let mut terminal = network.puerta(size, &user, &words);
        terminal.until("no code", |picture| stands(picture, "too small for the QR code"));
        let picture = terminal.picture();
        assert!(stands(&picture, "/?ticket=") && !picture.contains('\u{2588}'), "{picture}");
        terminal.types("\u{3}");
        assert_eq!(terminal.end().0, 0);
    }
}

/// What the code in half blocks says.
fn code(picture: &str) -> Option<String> {
    let is_part = |c: char| matches!(c, ' ' | '\u{2580}' | '\u{2584}' | '\u{2588}');
    let rows: Vec<Vec<char>> = picture
        .lines()
        .filter(|line| !line.trim().is_empty() && line.chars().all(is_part))
        .map(|line| line.chars().collect())
        .collect();
    let dark = |x: usize, y: usize| {
        let half = rows.get(y / 2).and_then(|row| row.get(x)).copied().unwrap_or(' ');
        half == '\u{2588}' || half == if y.is_multiple_of(2) { '\u{2580}' } else { '\u{2584}' }
    };
    let width = rows.iter().map(Vec::len).max()?;
    let left = (0..width).find(|x| (0..2 * rows.len()).any(|y| dark(*x, y)))?;
    let top = (0..2 * rows.len()).find(|y| (0..width).any(|x| dark(x, *y)))?;
    // The size is told by the corner: its line is 7 dots long, and so on to the corner at the right.
    let right = (left..width).rev().find(|x| dark(*x, top))?;
    let grid = SimpleGrid::from_func(right + 1 - left, |x, y| dark(left + x, top + y));
    Grid::new(grid).decode().ok().map(|(_, text)| text)
}
