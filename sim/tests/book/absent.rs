//! The reasons why defects of the catalogue have no scenario.

/// Defects, and the reason that they share. Each defect of ranks S and A, and B1 to B8, is listed here or has a scenario.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    (
        "S5",
        "its first half, a live session on a row that says `tui_close`, is S4, which has scenarios. Its second half is a \
         rotation that is refused because of that word: the modelled releases refuse none (their rotation leaves the end as \
         it is and inserts the child, which S9 shows); the refusal came later upstream",
    ),
    ("S22", "before 0.16.0"),
    ("S33", "other process: two gateways on one database, which a lock keeps apart here"),
    ("A4", "other programs: the command line and the messaging gateway"),
    ("A7", "what the messaging platforms' own gateway does then: another process"),
    ("A8", "before 0.16.0; `close_ends_the_tip` would show it"),
    (
        "A11, A12",
        "a gateway here has one database: there are no profiles with one of their own, so no write can go to the wrong one",
    ),
    (
        "A21",
        "the processes behind jobs are not modelled: in every release here a job ends with its session, and no row shows it",
    ),
    (
        "A23",
        "what is wrong is the choice of a client to keep a connection; sessions on a live one are kept in every release",
    ),
    ("A25", "other process: leases on slots count the sessions of all processes of a machine, and there is one here"),
    ("A26, A27", "before 0.16.0, and child processes"),
    ("A28", "its text cannot be read; its parts are other lines of this table and the one above"),
    ("A29", "client side, with several processes"),
    ("A30", "another transport: pipes"),
    ("A31", "its part that belongs to `session.close` is S9; `session.delete` of a live session is A32"),
];
