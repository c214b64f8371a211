//! The content of a file against a model, over every choice.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::folder::{Folder, Inode};

/// Small enough that every outcome can be listed.
const SECTOR: usize = 4;

/// A call on a file.
#[derive(Clone, Debug)]
enum Call {
    Write(usize, Vec<u8>),
    Truncate(usize),
    Sync,
}

/// A disk under test: what it does besides the calls.
#[derive(Clone, Copy)]
enum Plant {
    None,
    /// Keeps each change at once.
    Lucky,
    /// Does not carry out syncs.
    Lying,
}

/// The outcomes that the description allows, written down without regard to the code: per sector any changes since the
/// last sync in any order; any of the sizes; zeros or old bytes where nothing arrived.
fn allowed(calls: &[Call]) -> BTreeSet<Vec<u8>> {
    let since = calls.iter().rposition(|call| matches!(call, Call::Sync)).map_or(0, |place| place + 1);
    let before = cache(&calls[..since]);
    // A change is a number of bytes with their places. A truncation writes zeros.
    let mut size = before.len();
    let (mut changes, mut sizes) = (Vec::new(), vec![size]);
    for call in &calls[since..] {
        let (change, after): (Vec<(usize, u8)>, usize) = match call {
            Call::Write(offset, bytes) => {
                ((*offset..).zip(bytes.iter().copied()).collect(), size.max(offset + bytes.len()))
            }
            Call::Truncate(to) => ((*to..size).map(|place| (place, 0)).collect(), *to),
            Call::Sync => unreachable!("the last sync is before"),
        };
        changes.push(change);
        sizes.push(after);
        size = after;
    }
    if changes.is_empty() {
        return BTreeSet::from([before]);
    }
    let longest = sizes.iter().copied().max().unwrap_or_default();
    let mut images = BTreeSet::new();
    for fill in [0, STALE] {
        let mut base = before.clone();
        base.resize(longest, fill);
        let mut partial = BTreeSet::from([base]);
        for start in (0..longest).step_by(SECTOR) {
            let inside = |change: &Vec<(usize, u8)>| -> Vec<(usize, u8)> {
                change.iter().copied().filter(|(place, _)| (start..start + SECTOR).contains(place)).collect()
            };
            let parts: Vec<_> = changes.iter().map(inside).filter(|part| !part.is_empty()).collect();
            partial = partial.iter().flat_map(|image| orders(image, &parts)).collect();
        }
        for size in &sizes {
            images.extend(partial.iter().map(|image| image[..*size].to_vec()));
        }
    }
    images
}

/// `image` after any of the changes in any order.
fn orders(image: &[u8], changes: &[Vec<(usize, u8)>]) -> BTreeSet<Vec<u8>> {
    let mut images = BTreeSet::from([image.to_vec()]);
    for place in 0..changes.len() {
        let mut rest = changes.to_vec();
        let mut after = image.to_vec();
        rest.remove(place).into_iter().for_each(|(place, byte)| after[place] = byte);
        images.extend(orders(&after, &rest));
    }
    images
}

/// What reads show.
fn cache(calls: &[Call]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for call in calls {
        match call {
            Call::Write(offset, with) => {
                bytes.resize(bytes.len().max(offset + with.len()), 0);
                bytes.splice(*offset..offset + with.len(), with.iter().copied());
            }
            Call::Truncate(size) => bytes.resize(*size, 0),
            Call::Sync => {}
        }
    }
    bytes
}

/// Answers every combination of choices in turn.
#[derive(Default)]
struct Every {
    answers: Vec<(usize, usize)>,
    next: usize,
}

impl Choose for Every {
    fn choose(&mut self, _: &str, count: usize, label: &dyn Fn(usize) -> String) -> usize {
        let labels: BTreeSet<String> = (0..count).map(label).collect();
        assert!(count > 1 && labels.len() == count, "a choice has alternatives, and their labels differ");
        if self.next == self.answers.len() {
            self.answers.push((0, count));
        }
        self.next += 1;
        self.answers[self.next - 1].0
    }
}

impl Every {
    /// Goes to the next combination; false after the last.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((answer, count)) = self.answers.pop() {
            if answer + 1 < count {
                self.answers.push((answer + 1, count));
                return true;
            }
        }
        false
    }
}

fn run(calls: &[Call], plant: Plant) -> Content {
    let mut content = Content::default();
    for call in calls {
        match call {
            Call::Write(offset, bytes) => content.write(*offset, bytes),
            Call::Truncate(size) => content.truncate(*size),
            Call::Sync if matches!(plant, Plant::Lying) => {}
            Call::Sync => content.sync(),
        }
        if matches!(plant, Plant::Lucky) {
            content.sync();
        }
    }
    content
}

/// Every image that a loss of power can leave.
fn outcomes(calls: &[Call], plant: Plant) -> BTreeSet<Vec<u8>> {
    let content = run(calls, plant);
    let (mut every, mut images) = (Every::default(), BTreeSet::new());
    loop {
        let mut content = content.clone();
        content.lose_power(SECTOR, &mut every);
        assert!(content.unsynced.is_empty());
        assert_eq!(content.cache, content.platter);
        images.insert(content.platter);
        if !every.advance() {
            return images;
        }
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (0_usize..7, prop::collection::vec(1_u8..=9, 1..5)).prop_map(|(offset, bytes)| Call::Write(offset, bytes)),
        1 => (0_usize..9).prop_map(Call::Truncate),
        1 => Just(Call::Sync),
    ]
}

/// At most three calls since the last sync, because the outcomes multiply.
fn any_calls() -> impl Strategy<Value = Vec<Call>> {
    (prop::collection::vec(any_call(), 0..4), prop::collection::vec(any_call(), 0..4)).prop_map(|(mut calls, last)| {
        calls.push(Call::Sync);
        calls.extend(last);
        calls
    })
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, ..Config::default() })]

    /// The disk leaves what the description allows: all of it, and nothing else.
    #[test]
    fn outcomes_are_those_of_the_model(calls in any_calls()) {
        prop_assert_eq!(run(&calls, Plant::None).cache, cache(&calls));
        let (allowed, outcomes) = (allowed(&calls), outcomes(&calls, Plant::None));
        let missing: Vec<_> = allowed.difference(&outcomes).take(3).collect();
        let wrong: Vec<_> = outcomes.difference(&allowed).take(3).collect();
        prop_assert!(missing.is_empty() && wrong.is_empty(), "missing {:?}, wrong {:?}", missing, wrong);
    }

    /// The first alternatives lose nothing.
    #[test]
    fn the_mildest_loss_is_none(calls in any_calls()) {
        let mut content = run(&calls, Plant::None);
        content.lose_power(SECTOR, &mut crate::First);
        prop_assert_eq!(content.platter, cache(&calls));
    }

    /// A failed sync that has written everything and drops nothing has only reported wrongly.
    #[test]
    fn a_failed_sync_may_have_written(calls in any_calls()) {
        let mut content = run(&calls, Plant::None);
        content.fail_sync(Pages::ALL, Pages::ALL);
        prop_assert_eq!(&content.cache, &cache(&calls));
        content.lose_power(SECTOR, &mut crate::First);
        prop_assert_eq!(content.platter, cache(&calls));
    }
}

/// A disk that keeps unsynced changes by luck, and one that forgets synced ones, are seen by the same comparison.
#[test]
fn planted_disks_are_noticed() {
    let calls = [Call::Write(0, vec![1; 6]), Call::Sync, Call::Write(2, vec![2; 6])];
    assert_eq!(outcomes(&calls, Plant::None), allowed(&calls));
    assert!(outcomes(&calls, Plant::Lucky).len() < allowed(&calls).len(), "it never loses anything");
    assert!(!outcomes(&calls, Plant::Lying).is_subset(&allowed(&calls)), "it loses what was synced");
}

/// After a failed sync the system shows some pages, has none of them on the platter, and the next sync does not write them.
#[test]
fn a_failed_sync_is_not_repaired_by_the_next() {
    let calls = [Call::Write(0, vec![1; 3 * PAGE]), Call::Sync, Call::Write(0, vec![2; 3 * PAGE])];
    let mut content = run(&calls, Plant::None);
    content.fail_sync(Pages(0b100), Pages(0b010));
    let pages = |bytes: &[u8]| [bytes[0], bytes[PAGE], bytes[2 * PAGE]];
    assert_eq!(pages(&content.cache), [1, 2, 2], "dropped, kept, written");
    content.sync();
    content.lose_power(SECTOR, &mut crate::First);
    assert_eq!(pages(&content.cache), [1, 1, 2]);
}

/// Each change of names without a sync survives or not, and a move is whole.
#[test]
fn names_last_after_a_sync() {
    let mut folder = Folder::default();
    folder.create("a", Inode(1));
    folder.sync();
    folder.create("b", Inode(2));
    folder.rename("b", "a", Inode(2));
    folder.create("c", Inode(3));
    let (mut every, mut found) = (Every::default(), BTreeSet::new());
    loop {
        let mut folder = folder.clone();
        folder.lose_power(&mut every);
        let names = folder.names().map(|name| format!("{name}{}", folder.find(name).map_or(0, |inode| inode.0)));
        found.insert(names.collect::<Vec<_>>().join(" "));
        if !every.advance() {
            break;
        }
    }
    let expected = ["a1", "a1 b2", "a1 b2 c3", "a1 c3", "a2", "a2 c3"];
    assert_eq!(found, expected.map(str::to_owned).into());
    folder.sync();
    assert_eq!(folder.lose_power(&mut every), 0);
    assert_eq!(folder.names().collect::<Vec<_>>(), ["a", "c"]);
}
