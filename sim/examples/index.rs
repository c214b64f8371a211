//! Prints `scenarios/README.md`.

#[path = "../tests/index/absent.rs"]
mod absent;
#[expect(dead_code, reason = "the check for gaps is the test's")]
#[path = "../tests/index/page.rs"]
mod page;

#[expect(clippy::print_stdout, reason = "printing the page is all that it does")]
fn main() {
    print!("{}", page::page());
}
