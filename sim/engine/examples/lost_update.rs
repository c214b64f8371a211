//! Finds a lost update between two deposits, shrinks its schedule, and proves the fix over all schedules.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::rc::Rc;

use futures_util::future::OptionFuture;
use interleaving::{Bounds, Shared, Sim, explore, shrink};
use tokio::sync::Mutex;

/// Adds 10 to the balance, after some lookups. A deposit that takes the lock holds it for its whole update.
async fn deposit(sim: Sim, balance: Shared<i32>, lookups: usize, lock: Option<Rc<Mutex<()>>>) {
    for _ in 0..lookups {
        sim.yield_now().await;
    }
    let _held = OptionFuture::from(lock.as_ref().map(|lock| lock.lock())).await;
    let read = balance.get();
    sim.yield_now().await; // asks whether the deposit is allowed; other tasks may run meanwhile
    balance.set(read + 10);
}

async fn deposits(sim: Sim, lock: Option<Rc<Mutex<()>>>) {
    let balance = sim.shared("balance", 0);
    let quick = sim.spawn("quick", deposit(sim.clone(), balance.clone(), 0, lock.clone()));
    let slow = sim.spawn("slow", deposit(sim.clone(), balance.clone(), 2, lock));
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
