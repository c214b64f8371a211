//! Files, good and bad.

use super::*;
pub(super) const EXAMPLE: &str = r#"about = "A turn outlives the grace after its client is gone; the continuation row must still be ended."
issues = ["hermes-agent#44045", "hermes-agent#44102"]
releases = ["0.16.0", "current"]

[gateway]
orphan_grace = "15s"

[behavior]
"grace.expiry" = "one_shot"

[network]
latency = ["1ms", "20ms"]

[store]
after_commit = "5ms"

[turns.refactor]
steps = [
    { tool = "terminal", takes = "4s" },
    { compress = "rotate", takes = "2s" },
    { tool = "terminal", takes = "34s", interruptible = false },
    { reply = "done" },
]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "0s"
client = "desktop"
do = "session.create"
as = "work"

[[steps]]
at = "1s"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "refactor"

[[steps]]
at = "6s"
client = "desktop"
do = "drop"  # the socket dies without a close frame

[[steps]]
at = "1m 30s"
client = "phone"
do = "connect"

[[steps]]
at = "1m 30s"
client = "phone"
do = "session.resume"
session = "work"
id = "tip"
as = "again"

[expect."0.16.0"]
violates = "detached_rows_end"

[expect.current]
outcome = "passed"
"#;
#[test]
fn dbg() {
    for text in [EXAMPLE] {
        println!("{:?}", Scenario::parse(Path::new("a/b.toml"), text, &["detached_rows_end"]));
    }
}
