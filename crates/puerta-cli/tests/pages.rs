//! Completion scripts and manual pages: whole, and without an error in the programs that read them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::Folder;
use common::{peer, puerta};

const COMMANDS: [&str; 8] = ["completions", "connect", "explain", "listen", "man", "resolve", "serve", "talk"];

/// The long options of a command, from its help.
fn options(command: &str) -> Vec<String> {
    let help = puerta([command, "--help"]).finish();
    let text = help.ends_with(0).text();
    let words = text.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
    let names = words.filter_map(|word| word.strip_prefix("--"));
    let names = names.map(|name| name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

#[test]
fn completions_know_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let done = puerta(["completions", shell]).finish();
        let script = done.ends_with(0).text();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
            let options = options(command);
            assert!(options.contains(&"help".to_owned()), "{command}: {options:?}");
            for option in options {
                let written = if shell == "fish" { format!("-l {option}") } else { format!("--{option}") };
                assert!(script.contains(&written), "{shell}: {command} --{option}");
            }
        }
    }
    puerta(["completions", "bosh"]).finish().ends_with(2).said("bash");
}

#[test]
fn bash_takes_the_script_and_completes_with_it() {
    let folder = Folder::new("completions");
    let script = folder.file("puerta.bash", puerta(["completions", "bash"]).finish().text());
    let script = script.to_string_lossy();
    peer("bash", ["-n", &script]).finish().ends_with(0).said("");
    let line = format!(
        ". {script}; COMP_WORDS=(puerta listen --bro); COMP_CWORD=2; _puerta puerta --bro listen; echo \"${{COMPREPLY[*]}}\""
    );
    peer("bash", ["-c", &line]).finish().ends_with(0).wrote("--broadcast\n");
}

#[test]
fn the_examples_of_talk_show_each_way_of_it() {
    let help = puerta(["talk", "--help"]).finish();
    let (_, examples) =
        help.ends_with(0).text().split_once("Examples:").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for way in [
        "talk  ",
        "'puerta://",
        "talk 10.0.0.5 ",
        "--host",
        "| puerta talk --to",
        "--follow --json",
        "--plain 10",
        "--plain --listen",
    ] {
        assert!(examples.contains(way), "{way}: {examples}");
    }
    assert!(examples.lines().all(|line| line.chars().count() <= 80), "{examples}");
}

#[test]
fn the_examples_of_serve_fit_into_a_line() {
    let help = puerta(["serve", "--help"]).finish();
    let text = help.ends_with(0).text();
    let (_, examples) = text.split_once("Examples:").unwrap();
    assert!(examples.contains("--explain") && examples.lines().all(|line| line.chars().count() <= 80), "{examples}");
}

#[test]
fn there_is_a_manual_page_for_each_command_with_every_option() {
    let folder = Folder::new("man");
    puerta(["man", &folder.name("")]).finish().ends_with(0).said("").wrote("");
    let mut expected: Vec<String> = COMMANDS.iter().map(|command| format!("puerta-{command}.1")).collect();
    expected.push("puerta.1".to_owned());
    expected.sort();
    let mut names = folder.names();
    names.sort();
    assert_eq!(names, expected);
    for command in COMMANDS {
        let page = std::fs::read_to_string(folder.path(&format!("puerta-{command}.1"))).unwrap();
        let plain = page.replace('\\', "");
        assert!(plain.contains(".SH NAME") && plain.contains(&format!("puerta-{command}")), "{page}");
        assert!(plain.contains(".SH EXAMPLES"), "{page}");
        for option in options(command) {
            assert!(plain.contains(&format!("--{option}")), "{command} --{option}");
        }
    }
    let whole = puerta(["man"]).finish();
    assert_eq!(whole.ends_with(0).text(), std::fs::read_to_string(folder.path("puerta.1")).unwrap());
}

#[test]
fn manual_pages_are_sound_for_groff() {
    let folder = Folder::new("groff");
    puerta(["man", &folder.name("")]).finish().ends_with(0);
    for name in folder.names() {
        let done =
            peer("groff", ["-Kutf8", "-man", "-Tutf8", "-ww", "-P-c", "-rLL=140n", &folder.name(&name)]).finish();
        done.ends_with(0).said("");
        assert_eq!(done.stderr, "", "{name}");
        // Bold and underlined letters are struck twice, with a backspace between.
        let letters: Vec<char> = done.text().chars().collect();
        let struck = |at: usize| letters.get(at + 1) == Some(&'\u{8}') || letters[at] == '\u{8}';
        let text: String = (0..letters.len()).filter(|at| !struck(*at)).map(|at| letters[at]).collect();
        assert!(text.starts_with(&name.trim_end_matches(".1").to_uppercase()), "{name}: {text}");
        assert!(text.contains("\nNAME\n") && text.contains("\nSYNOPSIS\n"), "{name}: {text}");
        let command = name.trim_start_matches("puerta-").trim_end_matches(".1");
        if COMMANDS.contains(&command) {
            let help = puerta([command, "--help"]).finish().text();
            for example in help.lines().skip_while(|line| *line != "Examples:").skip(1).filter(|line| !line.is_empty())
            {
                assert!(text.contains(example.trim()), "{example} is not as typed in {text}");
            }
        } else {
            assert!(text.contains("\nEXIT STATUS\n"), "{text}");
        }
    }
}

#[test]
fn a_page_that_cannot_be_written_is_status_8() {
    let missing = std::env::temp_dir().join(format!("puerta-missing-{}/folder", std::process::id()));
    let missing = missing.to_string_lossy();
    let done = puerta(["man", &missing]).finish();
    done.ends_with(8).said(&format!("into {missing} failed")).said("hint: make the folder first");
}
