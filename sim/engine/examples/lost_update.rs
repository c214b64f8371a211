//! Finds a lost update between two deposits, shrinks its schedule, and proves the fix over all schedules.
//!
//! `cargo run -p interleaving --example lost_update`
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::rc::Rc;

use interleaving::{Bounds, Sim, explore, shrink};
use tokio::sync::Mutex;

/// Two deposits to one account, the second after a slow lookup. With a `lock`, each holds it for its whole update.
async fn deposits(sim: Sim, lock: Option<Rc<Mutex<()>>>) {
    let balance = sim.shared("balance", 0);
    let deposit = |awaits_before: usize| {
        let (sim, balance, lock) = (sim.clone(), balance.clone(), lock.clone());
        async move {
            for _ in 0..awaits_before {
                sim.yield_now().await;
            }
            let _held = match &lock {
                Some(lock) => Some(lock.lock().await),
                None => None,
            };
            let read = balance.get();
            sim.yield_now().await; // asks whether the deposit is allowed; other tasks may run meanwhile
            balance.set(read + 10);
        }
    };
    let (quick, slow) = (sim.spawn("quick", deposit(0)), sim.spawn("slow", deposit(2)));
    quick.await;
    slow.await;
    assert_eq!(balance.get(), 20, "a deposit is lost");
}

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // the failure is printed below
    let racy = |sim| deposits(sim, None);
    let failing = explore(Bounds::default(), racy).failure.expect("the race is found");
    let small = shrink(failing, racy);
    println!("the race: {}\non the schedule\n{}", small.result.expect_err("it still fails"), small.tape);

    let proof = explore(Bounds::default(), |sim| deposits(sim, Some(Rc::default())));
    assert!(proof.is_proof(), "{:?}", proof.failure);
    println!("the fix: {} schedules are all there are, and none fails", proof.schedules);
}
