//! Faults that cannot be injected as the file states them.

use super::mistakes::check_change;

/// A fault of a connection requires a connected client, and accepts only the keys of its word.
#[test]
fn faults_of_a_connection() {
    let check = |step: &str, expected: &str, help: &str| check_change("do = \"drop\"", step, expected, help);
    let lag = "`lag` takes `client` and `takes`, how long each frame is on its way";
    check("do = \"lag\"", "43:1: `lag` needs `takes`", lag);
    check("do = \"lag\"\ntakes = 5", "47:9: invalid type: integer `5`, expected a string", "…");
    check(
        "do = \"cut\"\ntakes = \"5s\"",
        "47:1: `takes` does not go with `cut`",
        "`cut` takes only `at`, `client` and `do`",
    );
    check(
        "do = \"mend\"\nsession = \"work\"",
        "47:1: `session` does not go with `mend`",
        "`mend` takes only `at`, `client` and `do`",
    );
    check(
        "do = \"resend\"\nturn = \"refactor\"",
        "47:1: `turn` does not go with `resend`",
        "`resend` takes only `at`, `client` and `do`",
    );
    check(
        "do = \"vanish\"\nforward = \"5s\"",
        "47:1: `forward` does not go with `vanish`",
        "`vanish` takes `client`, and may take `takes`, how long until the gateway finds out",
    );
    check_change(
        "do = \"drop\"",
        "do = \"vanish\"\n\n[[steps]]\nat = \"7s\"\nclient = \"desktop\"\ndo = \"mend\"",
        "50:10: client `desktop` acts after its `vanish`",
        "the `vanish` is at 6s, in line 43; `connect` again first",
    );
}

/// `machine.set_clock` takes exactly one of `forward` and `back`, and no client.
#[test]
fn faults_of_the_clock() {
    let check = |step: &str, expected: &str| {
        let help = "`machine.set_clock` takes `forward` or `back`, how far wall time jumps, and no `client`";
        check_change("client = \"desktop\"\ndo = \"drop\"", step, expected, help);
    };
    check("do = \"machine.set_clock\"", "43:1: `machine.set_clock` needs `forward` or `back`");
    check(
        "do = \"machine.set_clock\"\nforward = \"1h\"\nback = \"1h\"",
        "47:1: `machine.set_clock` has both `forward` and `back`",
    );
    check("do = \"machine.set_clock\"\ntakes = \"1h\"", "46:1: `takes` does not go with `machine.set_clock`");
    check(
        "client = \"desktop\"\ndo = \"machine.set_clock\"\nback = \"1h\"",
        "45:1: `client` does not go with `machine.set_clock`",
    );
}

/// A turn step that hangs takes no duration; a late turn step requires one.
#[test]
fn faults_of_the_agent() {
    let check = |step: &str, expected: &str| check_change("{ reply", step, expected, "");
    check("{ hang = false }, { reply", "22:5: `hang` can only be `true`");
    check(
        "{ tools = [] }, { reply",
        "22:5: `tools` needs one call at least, for example `tools = [ { tool = \"read\", takes = \"4s\" } ]`",
    );
    check("{ tools = [ { tool = \"a\" } ] }, { reply", "22:17: missing key `takes`");
    check("{ hang = true, takes = \"5s\" }, { reply", "22:5: `takes` does not go with `hang`");
    check("{ late = \"done\" }, { reply", "22:5: `late` needs `takes`, for example `takes = \"4s\"`");
    check("{ late = \"done\", reply", "22:5: a turn step has exactly one of …");
}

/// A fault of the store that cannot be injected as stated is refused at the wrong word.
#[test]
fn faults_of_the_store() {
    let check = |keys: &str, expected: &str, help: &str| {
        let table = format!("after_commit = \"5ms\"\n\n[[store.faults]]\n{keys}\n");
        check_change("after_commit = \"5ms\"\n", &table, expected, help);
    };
    let call = "a fault hits calls of one kind: `write = \"append\"`, `read = \"open\"`, or `any` of them";
    check("fault = \"error\"", "17:1: neither `write` nor `read`", call);
    check("write = \"end\"\nread = \"open\"\nfault = \"error\"", "19:1: both `write` and `read`", call);
    check(
        "write = \"apend\"\nfault = \"error\"",
        "18:9: unknown write `apend`",
        "writes are `any`, `create_session`, `insert_child`, `start_turn`, `append`, …",
    );
    check(
        "read = \"append\"\nfault = \"error\"",
        "18:8: unknown read `append`",
        "reads are `any`, `session`, `titled`, `messages`, `inputs`, `keyed`, `tip`, `chain`, `open`, `list`",
    );
    let faults = "faults are `busy` with `lasts`, `error` and `full` (nothing is written), `sync` (nothing says whether it is written), `lost` (it is written), `crash` (a kill before it), `crash_after` (a kill after it) and `power` with `change`";
    check("write = \"end\"", "17:1: missing key `fault`", faults);
    check("write = \"end\"\nfault = \"torn\"", "19:9: unknown fault `torn`", faults);
    check("write = \"end\"\nfault = \"lost\"\nlasts = \"1s\"", "20:1: `lasts` with `lost`", faults);
    check(
        "write = \"end\"\nfault = \"busy\"",
        "19:9: `busy` without `lasts`",
        "say how long another process holds the database: lasts = \"5s\"",
    );
    check(
        "read = \"tip\"\nfault = \"lost\"",
        "19:9: a read that is `lost`",
        "the faults of a read are `error` and `crash`: a read waits for no lock and commits nothing",
    );
    check("write = \"end\"\nnth = 0\nfault = \"lost\"", "19:7: `nth` is 0", "calls are counted from 1");
    check(
        "write = \"end\"\nfrom = \"5s\"\nuntil = \"5s\"\nfault = \"lost\"",
        "20:9: `until` is `5s`, but `from` is `5s`",
        "calls before `until` fail, from `from` on",
    );
    check("write = \"end\"\nlast = \"1s\"", "19:1: unknown key `last`, expected one of …", "did you mean `lasts`?");
}

/// Odds are ratios, and their sum is at most 1.
#[test]
fn odds_of_the_store() {
    let check = |keys: &str, expected: &str, help: &str| {
        let table = format!("after_commit = \"5ms\"\n\n[store.odds]\n{keys}\n");
        check_change("after_commit = \"5ms\"\n", &table, expected, help);
    };
    check("lost = \"often\"", "18:8: not a ratio: `often`, expected a part of a whole such as `1/50`", "");
    check("lost = \"3/2\"", "18:8: not a ratio: `3/2`, expected a part of a whole such as `1/50`", "");
    check("lost = \"1/0\"", "18:8: not a ratio: `1/0`, expected a part of a whole such as `1/50`", "");
    check("torn = \"1/9\"", "18:1: unknown key `torn`, expected one of `busy`, `error`, `lost`", "");
    check(
        "lost = \"1/2\"\nerror = \"2/3\"",
        "17:1: odds of 0/1, 2/3 and 1/2",
        "their sum is at most 1, and their common denominator is less than 2^64",
    );
}
