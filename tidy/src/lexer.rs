//! Just enough of Rust's grammar to tell code from comments, literals and tests.

/// One line of a Rust file.
#[derive(Debug, Default, Clone)]
pub struct Line {
    /// What the compiler reads, with the contents of string and character literals left out.
    pub code: String,
    /// The comment on it, with its slashes.
    pub comment: String,
    /// The contents of the string literals on it.
    pub strings: String,
    /// Whether it belongs to a test.
    pub test: bool,
}

impl Line {
    /// Whether `word` stands in the code as a word of its own.
    pub fn has_word(&self, word: &str) -> bool {
        words(&self.code, word).next().is_some()
    }
}

/// Where `word` stands in `text` as a word of its own.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    BlockComment(usize),
    Text,
    RawText(usize),
}

/// Splits a file into lines. `test`: all of it belongs to tests.
pub fn lines(text: &str, test: bool) -> Vec<Line> {
    let chars: Vec<char> = text.chars().collect();
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c == '\n' {
            if state == State::LineComment {
                state = State::Code;
            }
            lines.push(Line::default());
            at += 1;
            continue;
        }
        let Some(line) = lines.last_mut() else { break };
        at += step(&mut state, line, &chars, at, c);
    }
    if text.ends_with('\n') {
        lines.pop();
    }
    if test {
        lines.iter_mut().for_each(|l| l.test = true)
    } else {
        mark_tests(&mut lines)
    }
    lines
}

/// Takes what begins at `at` and gives how many characters that was.
fn step(state: &mut State, line: &mut Line, chars: &[char], at: usize, c: char) -> usize {
    let next = chars.get(at + 1).copied();
    match *state {
        State::LineComment => line.comment.push(c),
        State::BlockComment(depth) => {
            line.comment.push(c);
            match (c, next) {
                ('*', Some('/')) => {
                    line.comment.push('/');
                    *state = if depth == 1 { State::Code } else { State::BlockComment(depth - 1) };
                    return 2;
                }
                ('/', Some('*')) => {
                    line.comment.push('*');
                    *state = State::BlockComment(depth + 1);
                    return 2;
                }
                _ => {}
            }
        }
        State::Text if c == '\\' => {
            line.strings.push(c);
            // The line break after a backslash is a line of its own.
            if next.is_some_and(|n| n != '\n') {
                return 2;
            }
        }
        State::Text | State::RawText(_) if c != '"' => line.strings.push(c),
        State::Text => {
            line.code.push('"');
            *state = State::Code;
        }
        State::RawText(hashes) => {
            if chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
                line.code.push('"');
                *state = State::Code;
                return 1 + hashes;
            }
            line.strings.push(c);
        }
        State::Code => return in_code(state, line, chars, at, c, next),
    }
    1
}

fn in_code(state: &mut State, line: &mut Line, chars: &[char], at: usize, c: char, next: Option<char>) -> usize {
    match (c, next) {
        ('/', Some('/')) => {
            line.comment.push_str("//");
            *state = State::LineComment;
            return 2;
        }
        ('/', Some('*')) => {
            line.comment.push_str("/*");
            *state = State::BlockComment(1);
            return 2;
        }
        ('"', _) => {
            line.code.push('"');
            *state = State::Text;
        }
        ('r', Some('"' | '#')) if !line.code.ends_with(|c: char| c.is_alphanumeric() && c != 'b' && c != 'c') => {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            line.code.push('r');
            if chars.get(at + 1 + hashes) == Some(&'"') {
                line.code.push('"');
                *state = State::RawText(hashes);
                return 2 + hashes;
            }
        }
        ('\'', Some('\\')) => {
            let length = chars[at + 3..].iter().take_while(|&&c| c != '\'').count();
            line.code.push_str("''");
            return length + 4;
        }
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => {
            line.code.push_str("''");
            return 3;
        }
        _ => line.code.push(c),
    }
    1
}

/// Marks what follows `#[cfg(test)]` or `#[test]`, up to the brace that closes it.
fn mark_tests(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        let code = lines[at].code.trim();
        if !(code.starts_with("#[cfg(test)]") || code.starts_with("#[cfg(all(test")) {
            at += 1;
            continue;
        }
        let end = end_of_item(lines, at);
        lines[at..=end].iter_mut().for_each(|l| l.test = true);
        at = end + 1;
    }
}

/// The last line of the item whose attributes begin at `from`.
fn end_of_item(lines: &[Line], from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let code = line.code.trim();
        for c in code.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
        }
        let attribute = code.starts_with("#[") && code.ends_with(']');
        let opened = code.contains('{') || depth > 0;
        if depth <= 0 && !attribute && (code.ends_with('}') || (!opened && code.ends_with(';'))) {
            return at;
        }
    }
    lines.len().saturating_sub(1)
}
