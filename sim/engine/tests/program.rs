//! The public interface, on small programs with known schedules.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use interleaving::program::STEPS_MAX;
use interleaving::strategy::{Fifo, Random};
use interleaving::{
    Bounds, Failure, Plan, Shared, Sim, Tape, check_determinism, explore, explore_reduced, fuzz, replay, run, shrink,
};
use tokio::sync::mpsc;

/// Two tasks increment a counter, and other tasks may run between the read and the write.
async fn lost_update(sim: Sim) {
    let counter = sim.shared("counter", 0);
    let add = |counter: Shared<u32>, sim: Sim| async move {
        let read = counter.get();
        sim.yield_now().await;
        counter.set(read + 1);
    };
    let one = sim.spawn("add", add(counter.clone(), sim.clone()));
    let other = sim.spawn("add", add(counter.clone(), sim.clone()));
    one.await;
    other.await;
    assert_eq!(counter.get(), 2);
}

/// As above, with the read and the write in one step.
async fn no_lost_update(sim: Sim) -> u32 {
    let counter = sim.shared("counter", 0);
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let (inner, counter) = (sim.clone(), counter.clone());
            sim.spawn("add", async move {
                inner.yield_now().await;
                counter.update(|count| *count += 1);
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    assert_eq!(counter.get(), 2);
    counter.get()
}

fn panicked<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result {
        Err(Failure::Panicked { task, .. }) => task,
        other => panic!("expected a panic, found {other:?}"),
    }
}

/// The search finds the race, with and without the reduction, and the returned run replays strictly.
#[test]
fn the_race_is_found_and_replays() {
    for explored in [explore(Bounds::default(), lost_update), explore_reduced(Bounds::default(), lost_update)] {
        assert!(!explored.is_proof());
        let failing = explored.failure.expect("the race is found");
        assert_eq!(replay(&failing.tape, lost_update), failing);
        assert_eq!(panicked(failing.result), "main");
    }
}

/// A tape prints as text, parses back, and replays as the same run.
#[test]
fn a_tape_survives_its_text() {
    let failing = explore(Bounds::default(), lost_update).failure.expect("the race is found");
    let tape: Tape = failing.tape.to_string().parse().expect("a tape");
    assert_eq!(replay(&tape, lost_update), failing);
}

/// No schedule of the fixed program fails, all schedules were run, and there is one result.
#[test]
fn the_fix_is_proven() {
    let all = explore(Bounds::default(), no_lost_update);
    assert!(all.is_proof(), "{all:?}");
    assert_eq!((all.ends, all.left_off, all.pruned), (BTreeSet::from([2]), 0, 0));
}

/// A search that a bound ends early is no proof, and reports what the bound left out.
#[test]
fn bounds_are_reported() {
    let few = explore(Bounds { schedules: 3, ..Bounds::default() }, no_lost_update);
    assert!(few.cut.by_schedules && !few.is_proof() && few.schedules == 3);
    let early = explore(Bounds { choices: 0..1, ..Bounds::default() }, no_lost_update);
    assert!(early.cut.by_choices > 0 && !early.is_proof());
}

/// The tape of another program diverges at the first choice that differs, and the divergence names that choice.
#[test]
fn a_tape_that_does_not_fit_is_refused() {
    let tape: Tape = "ready: main | *nobody\n".parse().expect("a tape");
    let failure = replay(&tape, lost_update).result.unwrap_err();
    assert!(failure.to_string().starts_with("choice 1 of the tape does not fit"), "{failure}");
    let long: Tape = "ready: *a | b\n".parse().expect("a tape");
    let failure = replay(&long, async |_: Sim| {}).result.unwrap_err();
    assert!(failure.to_string().ends_with("found the end of the run"), "{failure}");
}

/// A shrunk tape fails in the same way, by strict replay, with as few departures as the race needs.
#[test]
fn tapes_shrink() {
    let found = fuzz(Plan::Random, 0..100, lost_update).expect("a random schedule fails");
    let failure = found.run.result.clone().unwrap_err();
    let departures = |tape: &Tape| tape.choices.iter().filter(|choice| choice.pick > 0).count();
    let before = departures(&found.run.tape);
    let small = shrink(found.run, lost_update);
    assert!(departures(&small.tape) <= before.min(1), "{}", small.tape);
    assert_eq!(small.result, Err(failure.clone()));
    assert_eq!(replay(&small.tape, lost_update).result, Err(failure));
}

/// Every plan but `fifo`, which never departs from the first alternative, finds the race with some seed.
#[test]
fn plans_find_the_race() {
    for plan in Plan::NAMED {
        let found = fuzz(plan, 0..200, lost_update);
        let first = run(Fifo, lost_update);
        assert_eq!(found.is_some(), plan != Plan::Fifo || first.result.is_err(), "{plan}");
    }
}

/// Tasks that wait for each other are a deadlock that names them. A background task is not named.
#[test]
fn a_deadlock_is_reported() {
    let program = async |sim: Sim| {
        let (sender, mut receiver) = mpsc::channel::<()>(1);
        sim.spawn_background("server", std::future::pending::<()>());
        let stuck = sim.spawn("stuck", async move {
            receiver.recv().await;
        });
        stuck.await;
        drop(sender);
    };
    let failure = run(Fifo, program).result.unwrap_err();
    assert_eq!(failure, Failure::Deadlock { tasks: vec!["main".to_owned(), "stuck".to_owned()] });
    assert_eq!(failure.to_string(), "deadlock: main, stuck will never be woken");
}

/// Two locks that are taken in two orders: only some schedules deadlock, and the search finds one.
#[test]
fn a_deadlock_of_two_locks_is_found() {
    let program = async |sim: Sim| {
        let (one, other) = (Rc::new(tokio::sync::Mutex::new(())), Rc::new(tokio::sync::Mutex::new(())));
        for (first, second) in [(Rc::clone(&one), Rc::clone(&other)), (other, one)] {
            let inner = sim.clone();
            sim.spawn("locker", async move {
                let _first = first.lock().await;
                inner.yield_now().await;
                let _second = second.lock().await;
            });
        }
    };
    let failing = explore(Bounds::default(), program).failure.expect("a deadlock");
    let tasks = vec!["locker".to_owned(), "locker#2".to_owned()];
    assert_eq!(failing.result, Err(Failure::Deadlock { tasks }));
}

/// A program that never ends is stopped at the limit of steps.
#[test]
fn an_endless_program_is_stopped() {
    let run = run(Fifo, async |sim: Sim| {
        loop {
            sim.yield_now().await;
        }
        #[expect(unreachable_code, reason = "it gives the loop a type")]
        ()
    });
    assert_eq!((run.result, run.steps), (Err(Failure::StepLimit), STEPS_MAX));
}

/// Sleeps take no real time, end in the order of their deadlines, and a background ticker does not keep a run alive.
#[test]
fn time_is_virtual() {
    let run = run(Fifo, async |sim: Sim| {
        let ticker = sim.clone();
        sim.spawn_background("ticker", async move {
            loop {
                ticker.sleep(Duration::from_secs(1)).await;
            }
        });
        let start = sim.wall();
        sim.sleep(Duration::from_secs(3_600)).await;
        sim.sleep(Duration::from_micros(1)).await;
        (sim.now(), sim.wall() - start)
    });
    assert_eq!(run.result, Ok((3_600_001, 3_600_001)));
    assert_eq!(run.uptime, 3_600_001);
}

/// A choice of the program is on the tape under its site, and the search tries every outcome.
#[test]
fn the_program_can_choose() {
    let program = async |sim: Sim| sim.choose("message", &["arrives", "is lost", "comes twice"]);
    let all = explore(Bounds::default(), program);
    assert_eq!((all.schedules, all.ends), (3, BTreeSet::from([0, 1, 2])));
    assert_eq!(run(Fifo, program).tape.to_string(), "message: *arrives | is lost | comes twice\n");
}

/// Three tasks of two steps each, on their own values and on one that they share: the last writer differs.
async fn writers(sim: Sim) -> (u32, Vec<u32>) {
    let last = sim.shared("last", 0);
    let tasks: Vec<_> = (1..=3)
        .map(|number| {
            let (inner, last) = (sim.clone(), last.clone());
            let own = sim.shared(&format!("own {number}"), 0);
            sim.spawn("writer", async move {
                own.set(number);
                inner.yield_now().await;
                last.set(number);
                own.get()
            })
        })
        .collect();
    let mut owned = Vec::new();
    for task in tasks {
        owned.push(task.await);
    }
    (last.get(), owned)
}

/// The reduction leaves out schedules and loses no result.
#[test]
fn a_reduction_loses_no_end() {
    let (all, reduced) = (explore(Bounds::default(), writers), explore_reduced(Bounds::default(), writers));
    assert!(all.is_proof() && reduced.is_proof(), "{all:?}\n{reduced:?}");
    assert_eq!(all.ends, reduced.ends);
    assert_eq!(all.ends.len(), 3);
    assert!(reduced.schedules + reduced.left_off < all.schedules / 2, "{} {}", reduced.schedules, all.schedules);
    assert!(reduced.pruned > 0 && all.pruned == 0);
}

/// A program that depends only on its run passes; a counter between runs is reported at the first difference.
#[test]
fn hidden_state_is_found() {
    assert!(check_determinism(Random::new(7), no_lost_update).is_ok());
    let failing = explore(Bounds::default(), lost_update).failure.expect("the race is found");
    let strategy = interleaving::strategy::Replay::new(failing.tape.clone());
    assert_eq!(check_determinism(strategy, lost_update), Ok(failing), "a failure is as deterministic as an end");

    let runs = Rc::new(Cell::new(0));
    let difference = check_determinism(Fifo, |sim: Sim| {
        let number = runs.replace(runs.get() + 1);
        async move {
            sim.spawn(&format!("worker {number}"), async {});
            sim.yield_now().await;
        }
    });
    let message = difference.unwrap_err().to_string();
    assert_eq!(
        message,
        "the program is not deterministic: event 2 is `a step of worker 0 or main` in one run and `a step of worker 1 or main` in the next"
    );
}

/// A number that affects only the result does not change the schedule; a choice that follows it does.
#[test]
fn a_run_that_is_shorter_differs() {
    let runs = Rc::new(Cell::new(0));
    let difference = check_determinism(Fifo, |sim: Sim| {
        let first = runs.replace(runs.get() + 1) == 0;
        async move {
            if first {
                sim.choose("coin", &["heads", "tails"]);
            }
        }
    })
    .unwrap_err();
    assert_eq!((difference.number, difference.second.as_str()), (2, "the end of the run"));
}

/// Using a waker that outlived its task has no effect.
#[test]
fn wakers_may_outlive_their_task() {
    let run = run(Fifo, async |sim: Sim| {
        let waker = sim.spawn("short", std::future::poll_fn(|context| std::task::Poll::Ready(context.waker().clone())));
        let waker = waker.await;
        waker.wake_by_ref();
        sim.yield_now().await;
        waker.wake();
    });
    assert_eq!(run.result, Ok(()));
}
