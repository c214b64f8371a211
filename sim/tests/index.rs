//! `scenarios/README.md` says what the files say.

#[path = "index/absent.rs"]
mod absent;
#[path = "index/page.rs"]
mod page;

use std::fs;
use std::path::Path;

/// A page that is written by hand is wrong within a month.
#[test]
fn the_index_is_generated_from_the_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/README.md");
    let found = fs::read_to_string(path).unwrap_or_default();
    let remedy = "run `cargo run -q -p sim --example index > scenarios/README.md`";
    assert!(found == page::page(), "scenarios/README.md is not what the files say: {remedy}");
}

/// Every defect is shown, or it is said why not.
#[test]
fn no_defect_is_passed_over() {
    assert_eq!(page::gaps(), [""; 0]);
}
