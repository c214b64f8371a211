//! Rust text, as far as `tidy` has to understand it: what of it is code, and where a function or a block ends.

use std::ops::Range;

/// A file of the checkout.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with blanks for comments and literals; every line is where it was.
    pub(crate) code: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The offset of the keyword `fn`.
    pub(crate) line: usize,
    /// From there to the line of the closing brace, both included; attributes and docs do not count.
    pub(crate) lines: usize,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code(text) }
    }

    /// The code before the `#[cfg(test)] mod tests` block that ends the file, if one does.
    pub(crate) fn code_without_tests(&self) -> &str {
        let head = "#[cfg(test)]\nmod tests {";
        let Some(start) = self.code.rfind(head).filter(|start| line_starts_at(&self.code, *start)) else {
            return &self.code;
        };
        let block = block(&self.code, start + head.len() - 1);
        if self.code[block.end..].trim().is_empty() { &self.code[..start] } else { &self.code }
    }

    /// Every line of the code on which a word stands. A word may hold signs, as `std::fs` or `println!` do.
    pub(crate) fn lines_with(&self, word: &str) -> Vec<usize> {
        lines_with(&self.code, word)
    }

    /// A complaint about a line.
    pub(crate) fn at(&self, line: usize, complaint: &str) -> String {
        format!("{}:{line}: {complaint}", self.path)
    }
}

/// Every line on which a word stands by itself.
pub(crate) fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let mut lines: Vec<usize> = words(text, word).map(|place| line_of(text, place)).collect();
    lines.dedup();
    lines
}

/// The places where a word stands by itself: not within a longer name.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(place, _)| place).filter(move |place| {
        let goes_on =
            |inside: Option<char>, outside: Option<char>| inside.is_some_and(in_name) && outside.is_some_and(in_name);
        let (before, after) = (&text[..*place], &text[place + word.len()..]);
        !goes_on(word.chars().next(), before.chars().next_back())
            && !goes_on(word.chars().next_back(), after.chars().next())
    })
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

/// Every function of a code that has a body, in the order of the file; one inside another counts for both.
///
/// The body is the first `{` after `fn name` outside of parentheses and brackets; a `;` before it means that there is
/// none. Braces in a signature (`const N: usize = { 3 }`) would end the count early; this code has none.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let function = |start: usize| {
        let name: String = code[start + 2..].trim_start().chars().take_while(|letter| in_name(*letter)).collect();
        if name.is_empty() {
            return None; // a type, `fn(u8)`, or a macro's `fn $name`
        }
        let end = block(code, body(code, start)?).end;
        let lines = code[start..end].matches('\n').count() + 1;
        Some(Function { name, line: line_of(code, start), lines })
    };
    words(code, "fn").filter_map(function).collect()
}

fn body(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    for (place, letter) in code[start..].char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(start + place),
            _ => {}
        }
    }
    None
}

/// From an opening brace to behind the closing one; to the end of the text when there is none.
pub(crate) fn block(code: &str, open: usize) -> Range<usize> {
    let mut depth = 0;
    for (place, letter) in code[open..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open..open + place + letter.len_utf8();
        }
    }
    open..code.len()
}

/// The arms of each `match` of a code, in the order of the file: the line of the pattern, and the pattern with its guard.
pub(crate) fn matches(code: &str) -> Vec<Vec<(usize, &str)>> {
    let arms = |start: usize| {
        let open = body(code, start + "match".len())?;
        let end = block(code, open).end;
        let (mut arms, mut place) = (Vec::new(), open + 1);
        while let Some(arrow) = outside_of_brackets(code, place..end, "=>") {
            let pattern = code[place..arrow].trim();
            arms.push((line_of(code, arrow - code[place..arrow].trim_start().len()), pattern));
            let value = arrow + 2 + (code[arrow + 2..end].len() - code[arrow + 2..end].trim_start().len());
            place = if code[value..].starts_with('{') {
                let over = block(code, value).end;
                over + usize::from(code[over..].starts_with(','))
            } else {
                outside_of_brackets(code, value..end, ",").map_or(end, |comma| comma + 1)
            };
        }
        Some(arms)
    };
    words(code, "match").filter_map(arms).collect()
}

/// The first place of a sign in a part of the code that is outside of brackets which that part opens.
fn outside_of_brackets(code: &str, part: Range<usize>, sign: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, letter) in code[part.clone()].char_indices() {
        if depth == 0 && code[part.start + place..part.end].starts_with(sign) {
            return Some(part.start + place);
        }
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The text with blanks for comments, strings and characters.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let in_word = code.chars().next_back().is_some_and(in_name);
        let length = no_code(rest, in_word);
        if length == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// How long the comment or literal is with which the text starts; 0 when it starts with neither.
fn no_code(text: &str, in_word: bool) -> usize {
    let raw = ["r", "br", "cr"].iter().find_map(|prefix| raw_string(text, prefix)).filter(|_| !in_word);
    match text.as_bytes() {
        _ if raw.is_some() => raw.unwrap_or_default(),
        [b'/', b'/', ..] => text.find('\n').unwrap_or(text.len()),
        [b'/', b'*', ..] => block_comment(text),
        [b'"', ..] => quoted(text, '"'),
        [b'\'', b'\\', ..] => quoted(text, '\''),
        // A character and its closing quote; otherwise it is a lifetime.
        [b'\'', ..] => match text.char_indices().nth(2) {
            Some((place, '\'')) => place + 1,
            _ => 0,
        },
        _ => 0,
    }
}

/// Block comments are nested, as in Rust.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut place = 0;
    while place < text.len() {
        let rest = &text.as_bytes()[place..];
        let step = match rest {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        place += step;
        if depth == 0 {
            break;
        }
    }
    place
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return place + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str, prefix: &str) -> Option<usize> {
    let rest = text.strip_prefix(prefix)?;
    let inside = rest.trim_start_matches('#');
    let hashes = rest.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |length| start + length + end.len()))
}

fn line_starts_at(text: &str, place: usize) -> bool {
    place == 0 || text[..place].ends_with('\n')
}

fn in_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

mod tests {
    use super::*;

    #[track_caller]
    fn check_code(text: &str, expected: &str) {
        assert_eq!(code(text), expected);
    }

    /// What only looks like code must not be counted, and what only looks like a literal must not hide code.
    #[test]
    fn comments_and_literals_are_no_code() {
        check_code("a // } {\nb", "a       \nb");
        check_code("a /* { /* } */ { */ b", "a                   b");
        check_code("a(\"} \\\" {\") + b", "a(        ) + b");
        check_code("a(\"{\n}\")", "a(  \n  )");
        check_code("a '{' b '\\'' c '\\u{7d}' d b'}' 'é'", "a     b      c          d b       ");
        check_code("<'a> &'static str 'b: loop", "<'a> &'static str 'b: loop");
        check_code("r\"{\\\" + r##\"}\"# \"## + br#\"{\"# +", "      +             +         +");
        check_code("for \"{\" r#type", "for     r#type");
        check_code("\"no end {", "         ");
    }

    /// A function is counted from `fn` to its closing brace, wherever it stands.
    #[test]
    fn functions_are_found_and_measured() {
        let text = "#[test]\npub fn one<T>(list: [u8; 3]) -> fn(u8)\nwhere T: A,\n{\n  // }\n  fn two() { \"}\"; }\n}\n\
                    trait B { fn three(&self); fn four() {} }";
        let found = functions(&code(text));
        let expected = [("one", 2, 6), ("two", 6, 1), ("four", 8, 1)];
        let function = |(name, line, lines): (&str, usize, usize)| Function { name: name.to_owned(), line, lines };
        assert_eq!(found, expected.map(function));
    }

    /// Only the block at the end is left out: tests in the middle of a file are in the way of its reader.
    #[test]
    fn tests_at_the_end_do_not_count() {
        let check = |text: &str, expected: &str| assert_eq!(File::new("a.rs", text).code_without_tests(), expected);
        check("a\n#[cfg(test)]\nmod tests {\n  { }\n}\n", "a\n");
        check("a\n#[cfg(test)]\nmod tests {\n}\nb\n", "a\n#[cfg(test)]\nmod tests {\n}\nb\n");
        check("a\n#[cfg(test)]\nmod tests;\n", "a\n#[cfg(test)]\nmod tests;\n");
    }

    /// A word is not found inside a longer one.
    #[test]
    fn words_stand_by_themselves() {
        assert_eq!(lines_with("simulator\nsim::run simple\nas sim\n_sim sim_", "sim"), [2, 3]);
        assert_eq!(lines_with("eprintln!()\nprintln!()", "println!"), [2]);
    }
}
