//! Why a defect of the catalogue has no scenario.

/// Defects, and the reason that they share. Each defect of ranks S and A, and B1 to B8, stands here or has a scenario.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    (
        "S5",
        "its first half, a live session on a row that says `tui_close`, is S4, which has scenarios. Its second half is a \
         rotation that is refused because of that word: the modelled releases refuse none (their rotation leaves the end as \
         it is and inserts the child, which S9 shows); the refusal came later upstream",
    ),
    (
        "S12",
        "not modelled yet: there is one table of questions per session, none per stored id that an old session could clear",
    ),
    ("S13", "only in versions after the modelled ones, and not modelled: nothing here remembers that it interrupted"),
    ("S18", "not modelled yet: no release here clears `running` by force"),
    ("S21", "background notifications are not modelled"),
    ("S22", "before 0.16.0"),
    ("S29", "background notifications are not modelled"),
    ("S31", "not modelled yet: an answer that has been given counts in every release"),
    (
        "S32",
        "not modelled yet: an agent here does not end rows by itself, and there is no eager build on resume from 0.18.2 on",
    ),
    ("S33", "two processes on one database: the simulator runs one"),
    ("A4", "other programs: the command line and the messaging gateway"),
    ("A7", "what the messaging platforms' own gateway does then: another process"),
    ("A8", "before 0.16.0; `close_ends_the_tip` would show it"),
    ("A11, A12", "profiles are not modelled: one database"),
    ("A19", "modelled, and tested in `gateway/tests/protocol.rs`; scenario files cannot truncate yet"),
    ("A21, A22", "background jobs of the machine are not modelled"),
    (
        "A23",
        "what is wrong is the choice of a client to keep a connection; sessions on a live one are kept in every release",
    ),
    ("A25", "leases on slots, which processes share, are not modelled"),
    ("A26, A27", "before 0.16.0, and child processes"),
    ("A28", "its text cannot be read; its parts are other lines of this table and the one above"),
    ("A29", "client side, with several processes"),
    ("A30", "another transport: pipes"),
    ("A31", "its part that belongs to `session.close` is S9; `session.delete` of a live session is A32"),
    ("A33", "no row shows it: events of closed sessions reach nobody in any release here"),
    ("A34", "draft branches are not modelled"),
];
