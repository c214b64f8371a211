//! Suggestions for misspelt words.

/// The word of `known` with the smallest edit distance to `found`, if at most a third of its letters differ.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|word| (distance(found, word), word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= word.chars().count()).then_some(word)
}

/// The edit distance of two words (Levenshtein): insertions, deletions and replacements of letters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // After each letter of `one`: the distances of the prefix that was read to each prefix of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (read, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = read + 1;
        for (place, known) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *known);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word with one wrong letter is suggested; an unrelated word is not.
    #[test]
    fn near_words() {
        let known = ["issues", "about", "at"];
        assert_eq!(nearest("isues", known), Some("issues"));
        assert_eq!(nearest("abuot", known), None);
        assert_eq!(nearest("aboot", known), Some("about"));
        assert_eq!(nearest("crush", known), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("ü", "u")), (3, 3, 1));
    }
}
