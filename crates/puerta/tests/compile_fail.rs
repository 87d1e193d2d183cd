//! Each wrong pair of role and verb, and of protocol and verb, is refused by the compiler in our own words; each right one
//! compiles. Only our message and our note are compared, so that a newer compiler does not break these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "compile_fail/compiler.rs"]
mod compiler;
#[path = "compile_fail/options.rs"]
mod options;
#[path = "compile_fail/table.rs"]
mod table;

use compiler::{Diagnostic, compile};
use options::OPTIONS;
use table::{ALONE, CONNECTED, PROTOCOLS, ROLES, Refusal, VERBS, Verb};

/// One function of the generated file, and what may be said of it: nothing where it has to compile.
struct Case {
    code: String,
    refusals: Vec<(String, &'static str)>,
}

#[test]
fn a_wrong_pair_of_role_or_protocol_and_verb_is_refused_in_our_words() {
    let wrong: Vec<Case> = cases().into_iter().filter(|c| !c.refusals.is_empty()).collect();
    assert!(wrong.len() > 1_800, "only {} wrong pairs were made", wrong.len());
    let said = compile(&file(&wrong)).unwrap_err();
    let mut problems = Vec::new();
    for (at, case) in wrong.iter().enumerate() {
        let here: Vec<&Diagnostic> = said.iter().filter(|d| d.line == line_of(at)).collect();
        if here.is_empty() {
            problems.push(format!("compiles: {}", case.code));
        }
        for diagnostic in here {
            let ours = case.refusals.iter().any(|(message, note)| diagnostic.is(message, note));
            if !ours {
                problems.push(format!("{}\n  said: {diagnostic:?}\n  not: {:?}", case.code, case.refusals));
            }
        }
    }
    problems.extend(said.iter().filter(|d| d.line == 0 || d.line > wrong.len() + 1).map(|d| format!("{d:?}")));
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), wrong.len(), problems.join("\n"));
}

#[test]
fn a_right_pair_of_role_and_protocol_and_verb_compiles() {
    let right: Vec<Case> = cases().into_iter().filter(|c| c.refusals.is_empty()).collect();
    assert!(right.len() > 1_200, "only {} right pairs were made", right.len());
    if let Err(said) = compile(&file(&right)) {
        panic!("{said:#?}");
    }
}

#[test]
fn every_message_and_note_of_the_table_is_said_at_least_once() {
    let wrong: Vec<Case> = cases().into_iter().filter(|c| !c.refusals.is_empty()).collect();
    let said = compile(&file(&wrong)).unwrap_err();
    for verb in VERBS.iter().chain(OPTIONS).chain(CONNECTED) {
        for refusal in [verb.role, verb.protocol].into_iter().flatten() {
            let heard = said.iter().any(|d| d.notes.iter().any(|n| n == refusal.note));
            assert!(heard, "{}: nobody heard {:?}", verb.name, refusal.note);
        }
    }
}

/// All of them: every verb on every protocol in every role.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for protocol in PROTOCOLS {
        for role in ROLES {
            cases.extend(VERBS.iter().chain(OPTIONS).map(|verb| case(verb, protocol, role)));
        }
        cases.extend(CONNECTED.iter().map(|verb| case(verb, protocol, "Connected")));
    }
    for (code, refusal, about) in ALONE {
        let refusals = refusal.iter().map(|r| (r.message.replace("{}", about), r.note)).collect();
        cases.push(Case { code: (*code).to_owned(), refusals });
    }
    cases
}

fn case(verb: &Verb, protocol: &str, role: &str) -> Case {
    let mut refusals = Vec::new();
    let mut refuse = |refusal: Option<Refusal>, allowed: &[&str], about: &str| {
        if let Some(refusal) = refusal.filter(|_| !allowed.contains(&about)) {
            let message = refusal.message.replace("{}", about).replace("{P}", protocol).replace("{R}", role);
            refusals.push((message, refusal.note));
        }
    };
    refuse(verb.role, verb.roles, role);
    refuse(verb.protocol, verb.protocols, protocol);
    let code = format!("(s: Socket<{protocol}, {role}>, a: &<{protocol} as Protocol>::Addr) {{ {} }}", verb.code);
    Case { code, refusals }
}

/// Line 1 imports, then one function a line: the line tells the case.
fn file(cases: &[Case]) -> String {
    let mut text = "#![allow(unused)] use puerta::*; \
        fn reads(_: impl std::io::Read) {} fn writes(_: impl std::io::Write) {} fn dials<P: Dials, R: Role>(_: &Socket<P, R>) {} \
 fn message<P: Protocol, R: Role>(_: &Socket<P, R>) -> Message<'static, P> { todo!() }\n"
        .to_owned();
    for (at, case) in cases.iter().enumerate() {
        text += &format!("fn case_{at}{}\n", case.code);
    }
    text
}

fn line_of(case: usize) -> usize {
    case + 2
}
