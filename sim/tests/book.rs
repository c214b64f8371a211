//! The book in `docs/`, and the pages at the top of the repository: generated tables, tested commands, links and names.
//!
//! `BOOK=accept cargo test -p sim --test book` writes the tables as the code has them, and the outputs of commands as
//! they are today. Read the difference before it is committed.

#[path = "book/absent.rs"]
mod absent;
#[path = "book/commands.rs"]
mod commands;
#[path = "book/links.rs"]
mod links;
#[path = "book/pages.rs"]
mod pages;
#[path = "book/scenarios.rs"]
mod scenarios;
#[path = "book/source.rs"]
mod source;
#[path = "book/tables.rs"]
mod tables;

use std::ops::RangeInclusive;

use pages::Page;

/// The sizes of a page of the book, in bytes. A longer one is split, a shorter one is a section of another page.
const PAGE_BYTES: RangeInclusive<usize> = 2 * 1000..=8 * 1024;

/// Tables that are written by hand become wrong, so they are generated.
#[test]
fn generated_tables_are_those_of_the_code() {
    let complaints = Page::all().into_iter().filter_map(|page| {
        let text = pages::regenerate(&page.text, tables::table);
        page.expect(&text)
    });
    fail(complaints.collect());
}

/// Every key that a scenario file may have stands in the reference.
#[test]
fn every_key_is_described() {
    fail(tables::missing_keys());
}

/// Every group of behaviour is on one of the pages, and each defect of the catalogue has a scenario or a reason.
#[test]
fn no_field_and_no_defect_is_missing() {
    fail(tables::missing_groups().into_iter().chain(scenarios::gaps()).collect());
}

/// The output that a page shows is the output of the command.
#[test]
fn commands_print_what_the_pages_show() {
    fail(commands::check(&Page::all()));
}

/// Commands that are not run state a reason and use existing flags.
#[test]
fn commands_that_are_not_run_can_be_parsed() {
    fail(Page::all().iter().flat_map(commands::unparsable).collect());
}

/// Relative links lead to a file, and their anchors to a heading.
#[test]
fn links_lead_somewhere() {
    fail(links::broken(&Page::all()));
}

/// Paths and names in backquotes exist.
#[test]
fn paths_and_names_exist() {
    fail(links::unknown_names(&Page::all()));
}

/// Each page of the book is listed in `SUMMARY.md`, and its size is within the limits.
#[test]
fn pages_are_listed_and_have_the_size_of_a_page() {
    let pages = Page::all();
    let summary = pages.iter().find(|page| page.path == "docs/src/SUMMARY.md").expect("the book has a summary");
    let mut complaints = Vec::new();
    for page in &pages {
        let sizes = match page.path.as_str() {
            "README.md" => 0..=7 * 1024,
            "ARCHITECTURE.md" => 0..=12 * 1024,
            path if path.starts_with("docs/") => PAGE_BYTES,
            _ => 0..=usize::MAX,
        };
        if !sizes.contains(&page.text.len()) {
            let (min, max) = sizes.into_inner();
            complaints.push(format!("{}: {} bytes, expected {min} to {max}", page.path, page.text.len()));
        }
        let Some(name) = page.path.strip_prefix("docs/src/").filter(|name| *name != "SUMMARY.md") else { continue };
        if name.ends_with("README.md") {
            complaints
                .push(format!("{}: mdBook serves it as `index.html`, which breaks links: call it index.md", page.path));
        }
        if !summary.text.contains(&format!("({name})")) {
            complaints.push(format!("{}: not listed in docs/src/SUMMARY.md", page.path));
        }
    }
    fail(complaints);
}

/// The two examples of `docs/src/library.md`.
#[test]
fn the_library_is_used_as_the_book_says() -> Result<(), Box<dyn std::error::Error>> {
    use gateway_core::clock::Uptime;
    use gateway_core::release::Release;
    use interleaving::strategy::Fifo;
    use sim_harness::invariant::NAMES;
    use sim_harness::simulation::Simulator;
    use sim_scenario::Scenario;

    let path = pages::root().join("scenarios/issues/44045_turn_outlives_grace.toml");
    let scenario = Scenario::load(&path, &NAMES)?;
    let report = Simulator::new().run(&scenario, Release::V0_16_0);
    assert_eq!(report.violations[0].invariant, "detached_rows_end");

    let instants = [Uptime(39_000), Uptime(41_000)];
    let (_, observations) = Simulator::new().observe(&scenario, Release::V0_16_0, Box::new(Fifo), &instants);
    let turns: Vec<usize> =
        observations.iter().map(|observation| observation.memory.as_ref().map_or(0, |memory| memory.turns)).collect();
    assert_eq!(turns, [1, 0, 0]);
    Ok(())
}

#[track_caller]
fn fail(complaints: Vec<String>) {
    let remedy = "tables and outputs are written by `BOOK=accept cargo test -p sim --test book`";
    assert!(complaints.is_empty(), "\n{}\n\n{remedy}\n", complaints.join("\n"));
}
