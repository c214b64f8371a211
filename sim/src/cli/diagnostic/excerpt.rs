//! The text of a file as an error shows it. Of a line that is too long for a screen only the part around the marked place
//! is left: the printer cannot print a mark beyond column 65,535, and no reader wants so long a line.

use std::iter;
use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// The largest number of characters of a line that is shown whole, and of the part that is shown of a longer one.
const WIDEST: usize = 400;

/// The number of characters that are shown before the marked place, in a line that is not shown whole.
const BEFORE: usize = 60;

/// Stands for what is left out.
const CUT: &str = "…";

/// A file with a marked place.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    /// The lines of the file, the long ones cut.
    text: String,
    /// The marked place, in bytes of `text`.
    pub(super) span: Range<usize>,
    /// The line and the column of the marked place in the file, both from 0.
    place: (usize, usize),
}

impl Excerpt {
    /// The file `name` with `text`, marked at `span`, which does not span lines. `place` is its line and column in the file,
    /// both from 1.
    pub(super) fn new(name: String, text: &str, span: Range<usize>, place: (usize, usize)) -> Self {
        let (mut shown, mut marked, mut start) = (String::new(), span.clone(), 0);
        for line in text.split_inclusive('\n').chain(iter::once("")) {
            let end = start + line.len();
            // The end of a text without a newline belongs to its last line.
            let is_marked = (start..end).contains(&span.start) || (span.start == end && !line.ends_with('\n'));
            let within = if is_marked { span.start - start..span.end.min(end) - start } else { 0..0 };
            let (part, place) = cut(line, within);
            if is_marked {
                marked = shown.len() + place.start..shown.len() + place.end;
            }
            shown.push_str(&part);
            start = end;
        }
        Self { name, text: shown, span: marked, place: (place.0.saturating_sub(1), place.1.saturating_sub(1)) }
    }
}

/// The part of a line that is shown, and the marked place in it.
fn cut(line: &str, marked: Range<usize>) -> (String, Range<usize>) {
    let end = line.trim_end_matches(['\r', '\n']).len();
    if line[..end].chars().count() <= WIDEST {
        return (line.to_owned(), marked);
    }
    let back = |from: usize, count: usize| line[..from].char_indices().rev().take(count).last().map_or(from, |at| at.0);
    let first = back(marked.start.min(end), BEFORE);
    let last = line[first..end].char_indices().nth(WIDEST).map_or(end, |(at, _)| first + at);
    let (before, after) = (if first > 0 { CUT } else { "" }, if last < end { CUT } else { "" });
    let shown = |at: usize| before.len() + at.clamp(first, last) - first;
    let place = shown(marked.start)..shown(marked.end);
    (format!("{before}{}{after}{}", &line[first..last], &line[end..]), place)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, lines_before, lines_after)?;
        // Without lines around it, the printer asks for the position that it prints above the text.
        let is_position = (lines_before, lines_after) == (0, 0);
        let (line, column) = if is_position { self.place } else { (contents.line(), contents.column()) };
        let (name, data, count) = (self.name.clone(), contents.data(), contents.line_count());
        Ok(Box::new(MietteSpanContents::new_named(name, data, *contents.span(), line, column, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line with its mark in brackets, once it is cut to what is shown.
    fn shown(line: &str, marked: Range<usize>) -> String {
        let (part, place) = cut(line, marked);
        format!("{}[{}]{}", &part[..place.start], &part[place.clone()], &part[place.end..])
    }

    /// A short line is shown whole. Of a long one the place is left with some characters around it, whole characters even if
    /// they have several bytes, and of a long place its beginning.
    #[test]
    fn long_lines_are_cut() {
        assert_eq!(shown("do = \"crush\"\n", 5..12), "do = [\"crush\"]\n");
        let (a, far) = ("ä".repeat(100_000), 2 * 90_000);
        assert_eq!(
            shown(&format!("{a}\r\n"), far..far + 4),
            format!("…{}[ää]{}…\r\n", "ä".repeat(BEFORE), "ä".repeat(WIDEST - BEFORE - 2))
        );
        assert_eq!(shown(&a, 0..a.len()), format!("[{}]…", "ä".repeat(WIDEST)));
        assert_eq!(shown(&a, a.len()..a.len()), format!("…{}[]", "ä".repeat(BEFORE)));
        assert_eq!(shown(&a, 0..0), format!("[]{}…", "ä".repeat(WIDEST)));
    }
}
