//! `sim behavior`: the differences between releases, printed from the code.

use gateway_core::behavior::{Alternative, Behavior, Field};
use gateway_core::release::Release;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How to print the fields
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading: a sentence for each field and each alternative, and the releases that have it
    Human,
    /// One JSON array with an object for each field
    Json,
}

#[derive(Serialize)]
struct Row {
    field: String,
    about: String,
    alternatives: Vec<Way>,
}

#[derive(Serialize)]
struct Way {
    name: &'static str,
    about: String,
    defects: Vec<String>,
    releases: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    harmless: Option<&'static str>,
}

/// Prints each field with its alternatives, and for each alternative its defects and releases.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let rows = rows();
    match arguments.format {
        Format::Json => out!("{}", serde_json::to_string_pretty(&rows).expect("a table is plain data")),
        Format::Human => rows.iter().for_each(print),
    }
    Ok(0)
}

fn rows() -> Vec<Row> {
    let by_release = Release::ALL.map(|release| (release, release.behavior().fields()));
    let row = |field: Field| {
        let value_of = |fields: &[Field]| fields.iter().find(|other| other.name == field.name).map(|other| other.value);
        let having = |way: &Alternative| {
            let releases = by_release.iter().filter(|(_, fields)| value_of(fields) == Some(way.name));
            releases.map(|(release, _)| release.name()).collect()
        };
        let alternatives = field.alternatives.iter().map(|way| Way {
            name: way.name,
            about: way.about.to_owned(),
            defects: defects(way.about),
            releases: having(way),
            harmless: way.harmless,
        });
        Row { about: field.about.to_owned(), alternatives: alternatives.collect(), field: field.name.clone() }
    };
    Behavior::default().fields().into_iter().map(row).collect()
}

fn print(row: &Row) {
    out!("{}: {}", row.field, row.about);
    for way in &row.alternatives {
        let releases = if way.releases.is_empty() { "no release".to_owned() } else { way.releases.join(", ") };
        out!("  {}: {}", way.name, way.about);
        out!("      in {releases}");
        if let Some(why) = way.harmless {
            out!("      no defect: {why}");
        }
    }
}

/// Ids of defects and public issues in a sentence: `S1`, `A16`, `hermes-agent#44045`.
fn defects(about: &str) -> Vec<String> {
    let words = about.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '#' || letter == '-'));
    words.filter(|word| is_defect(word)).map(str::to_owned).collect()
}

fn is_defect(word: &str) -> bool {
    let numbered = |rest: &str| !rest.is_empty() && rest.bytes().all(|letter| letter.is_ascii_digit());
    let ranked = word.strip_prefix(['S', 'A', 'B']).is_some_and(numbered);
    ranked || word.strip_prefix("hermes-agent#").is_some_and(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are recognised in sentences; similar words are not.
    #[test]
    fn defects_are_found_in_sentences() {
        assert_eq!(defects("It returns for good (S1, hermes-agent#44045)."), ["S1", "hermes-agent#44045"]);
        assert_eq!(defects("A session, Booted by SIGTERM, as B12 says"), ["B12"]);
    }

    /// Each release has one alternative of each field, and each field's first one is that of `current`.
    #[test]
    fn current_has_the_first_alternatives() {
        for row in rows() {
            assert!(row.alternatives[0].releases.contains(&"current"), "{}", row.field);
            let releases: usize = row.alternatives.iter().map(|way| way.releases.len()).sum();
            assert_eq!(releases, Release::ALL.len(), "{}", row.field);
        }
    }
}
