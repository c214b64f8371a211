//! What must hold over many lives of the process and beside other programs. The tests are short; `cargo bench -p gateway --bench
//! endure -- kills --rounds 500` is a long run.

#[path = "endure/caller.rs"]
mod caller;
#[path = "endure/chance.rs"]
mod chance;
#[path = "endure/kills.rs"]
pub(crate) mod kills;
#[path = "endure/neighbours.rs"]
pub(crate) mod neighbours;

/// SIGKILL at some random moments: nothing acknowledged is lost.
#[cfg(test)]
#[tokio::test(flavor = "current_thread")]
async fn kills_lose_nothing() {
    let tally = kills::run(12, 1).await;
    assert!(tally.acknowledged > 0 && tally.lost.is_empty(), "{tally}");
}

/// Another program on the same file, which holds its lock, is spared, and no client hears of the lock.
#[cfg(test)]
#[tokio::test(flavor = "current_thread")]
async fn neighbours_get_along() {
    let tally = neighbours::run(20, 1).await;
    assert!(tally.acknowledged > 0 && tally.wrong.is_empty(), "{tally}");
}
