//! The contract of a [`Store`] as a test that any implementation can run, on any executor.
//!
//! It awaits nothing but the store, so it runs on any runtime. The store must inject no faults: a lost answer or an injected
//! error breaks claims that have nothing to do with it.

use std::rc::Rc;

use super::{
    BranchTitle, EndReason, InputId, InputKind, KeyedAnswer, ListOrder, MessageRow, NewInput, NewMessage, NewSession,
    Placed, Replaced, Role, Rows, Store, StoreError, StoredId, TipRule, Written,
};
use crate::clock::Wall;

/// Runs every claim, each on an empty store made by `new`.
///
/// # Panics
///
/// If a claim does not hold.
pub async fn holds<S: Store + 'static>(new: impl AsyncFn() -> Rc<S>) {
    let new = async || Rows::new(new().await);
    calls_decide_the_order(&new().await).await;
    a_dropped_answer_is_no_dropped_call(&new().await).await;
    an_awaited_write_is_seen(&new().await).await;
    a_failed_transaction_writes_nothing(&new().await).await;
    the_first_end_wins(&new().await).await;
    an_orphan_ends_once(&new().await).await;
    an_orphan_is_closed_in_between(&new().await).await;
    a_title_is_held_once(&new().await).await;
    a_model_is_set(&new().await).await;
    a_rotation_is_one_step(&new().await).await;
    a_reopened_tip_is_named(&new().await).await;
    a_compression_in_place_counts_what_is_left(&new().await).await;
    a_title_makes_its_row(&new().await).await;
    a_conversation_takes_its_title_along(&new().await).await;
    replaced_messages_are_gone(&new().await).await;
    a_branch_continues_nobody(&new().await).await;
    a_draft_is_whole(&new().await).await;
    a_failed_branch_leaves_nothing(&new().await).await;
    a_deleted_row_leaves_its_children(&new().await).await;
    a_conversation_is_deleted_whole(&new().await).await;
    an_input_waits_until_a_message_holds_it(&new().await).await;
    inputs_follow_their_conversation(&new().await).await;
    the_answer_to_a_key_is_kept(&new().await).await;
}

/// An input waits, without a row too, until the transaction that stores its message. One that fails takes nothing.
async fn an_input_waits_until_a_message_holds_it(rows: &Rows) {
    for (name, kind) in [("one", InputKind::Prompt), ("two", InputKind::Steer), ("three", InputKind::Notice)] {
        assert_eq!(rows.accept(input(name, "a", kind), None).await, Ok(nothing()));
    }
    let all = [("one", InputKind::Prompt), ("two", InputKind::Steer), ("three", InputKind::Notice)];
    let all = all.map(|(name, kind)| input(name, "a", kind));
    assert_eq!(rows.inputs(id("a")).await, Ok(all.to_vec()));
    let orphan = NewSession { parent: Some(id("nowhere")), ..session("a") };
    assert!(rows.start_turn_of(orphan, said(&["one"]), vec![all[0].id.clone()], None).await.is_err());
    assert_eq!(rows.waits(all[0].id.clone()).await, Ok(true));
    rows.start_turn_of(session("a"), said(&["one"]), vec![all[0].id.clone()], None).await.expect("it is written");
    rows.append_taking(id("a"), said(&["two"]), vec![all[1].id.clone()]).await.expect("it is written");
    assert_eq!(rows.waits(all[0].id.clone()).await, Ok(false));
    assert_eq!(rows.inputs(id("a")).await, Ok(vec![all[2].clone()]));
}

/// A rotation passes inputs on, a client cancels them, a deletion deletes them. A branch has none.
async fn inputs_follow_their_conversation(rows: &Rows) {
    rows.start_turn(session("a"), said(&["hello"])).await.expect("it is written");
    let waiting = input("one", "a", InputKind::Prompt);
    rows.accept(waiting.clone(), None).await.expect("it is written");
    rows.branch(branch_of("a", "c"), BranchTitle::Next, said(&["hello"])).await.expect("it is written");
    rows.rotate(id("a"), Wall(5000), child_of("a", "b"), said(&["summary"])).await.expect("it is written");
    let texts = async |name: &str| rows.inputs(id(name)).await.expect("it reads").len();
    assert_eq!([texts("a").await, texts("b").await, texts("c").await], [0, 1, 0]);
    rows.cancel(id("b")).await.expect("it is written");
    assert_eq!(texts("b").await, 0);
    rows.accept(NewInput { session: id("c"), ..waiting }, None).await.expect("it is written");
    assert_eq!(rows.delete(id("c")).await, Ok(true));
    assert_eq!(texts("c").await, 0);
}

/// The answer to a request with a key is stored with what it asks for, or not at all, and is forgotten a day later.
async fn the_answer_to_a_key_is_kept(rows: &Rows) {
    let keyed = |key: &str, at: u64| KeyedAnswer {
        key: key.to_owned(),
        request: "prompt.submit hello".to_owned(),
        answer: "{}".to_owned(),
        at: Wall(at),
    };
    let accept =
        async |name: &str, answer: KeyedAnswer| rows.accept(input(name, "a", InputKind::Prompt), Some(answer)).await;
    assert_eq!(accept("one", keyed("k", 1000)).await, Ok(nothing()));
    assert_eq!(rows.keyed("k".to_owned()).await, Ok(Some(keyed("k", 1000))));
    assert!(accept("two", keyed("k", 2000)).await.is_err(), "a key is used once");
    assert_eq!(rows.inputs(id("a")).await.expect("it reads").len(), 1);
    let late = keyed("late", 86_402_000);
    rows.start_turn_of(session("a"), said(&["hello"]), Vec::new(), Some(late.clone())).await.expect("it is written");
    assert_eq!((rows.keyed("k".to_owned()).await, rows.keyed("late".to_owned()).await), (Ok(None), Ok(Some(late))));
}

fn input(name: &str, session: &str, kind: InputKind) -> NewInput {
    NewInput { id: InputId(name.into()), session: id(session), kind, text: name.to_owned(), at: Wall(1000) }
}

fn nothing() -> Written {
    Written { changed: 0, session: None }
}

/// Writes commit in the order of the calls, also when the answers are awaited in the reverse order.
async fn calls_decide_the_order(rows: &Rows) {
    let created = rows.create_session(session("a"));
    let first = rows.append(id("a"), said(&["one", "two"]));
    let closed = rows.end(id("a"), Wall(5), EndReason::TuiClose);
    let second = rows.append(id("a"), said(&["three"]));
    let reaped = rows.end(id("a"), Wall(9), EndReason::WsOrphanReap);

    assert_eq!(reaped.await, Ok(false), "the call that came second does not end the row");
    assert_eq!(second.await, Ok(one_row()), "the row that it needs was called for first");
    assert_eq!(closed.await, Ok(true));
    assert_eq!(first.await, Ok(one_row()));
    assert_eq!(created.await, Ok(true));
    assert_eq!(contents(rows, "a").await, ["one", "two", "three"]);
    assert_eq!(end_of(rows, "a").await, Some((Wall(5), "tui_close".to_owned())));
}

/// Calls whose answers are not awaited are carried out, before a later call whose answer is.
async fn a_dropped_answer_is_no_dropped_call(rows: &Rows) {
    drop(rows.create_session(session("a")));
    drop(rows.append(id("a"), said(&["one"])));
    drop(rows.session(id("a")));
    let last = rows.append(id("a"), said(&["two"]));
    drop(rows.end(id("a"), Wall(5), EndReason::TuiClose));

    assert_eq!(last.await, Ok(one_row()));
    assert_eq!(contents(rows, "a").await, ["one", "two"]);
    assert_eq!(rows.end(id("a"), Wall(9), EndReason::TuiClose).await, Ok(false), "the dropped end came first");
}

/// A read sees each write that was answered before it. Inserting a row twice leaves it as it is.
async fn an_awaited_write_is_seen(rows: &Rows) {
    assert_eq!(rows.session(id("a")).await, Ok(None));
    assert_eq!(rows.titled("plan".to_owned()).await, Ok(None));
    let first = NewSession { title: Some("plan".to_owned()), cwd: Some("/work".to_owned()), ..session("a") };
    assert_eq!(rows.start_turn(first, said(&["one"])).await, Ok(one_row()));

    let again = NewSession { source: "desktop".to_owned(), started_at: Wall(99_000), ..session("a") };
    assert_eq!(rows.create_session(again.clone()).await, Ok(false));
    assert_eq!(rows.start_turn(again, said(&["two"])).await, Ok(one_row()));
    let row = rows.session(id("a")).await.expect("it reads").expect("the row");
    assert_eq!((row.source.as_str(), row.started_at, row.message_count), ("tui", Wall(1500), 2));
    assert_eq!((row.cwd.as_deref(), row.title.as_deref()), (Some("/work"), Some("plan")));
    assert_eq!(rows.titled("plan".to_owned()).await, Ok(Some(row)));
    assert_eq!(rows.list(10, ListOrder::Start, TipRule::Continuation).await.map(|list| list.len()), Ok(1));
}

/// A transaction that fails changes nothing.
async fn a_failed_transaction_writes_nothing(rows: &Rows) {
    let messages = said(&["one", "two"]);
    assert_eq!(rows.append(id("missing"), messages.clone()).await, Err(StoreError::NoSession));
    assert_eq!(rows.append(id("missing"), Vec::new()).await, Err(StoreError::NoSession));
    assert_eq!(rows.compact(id("missing"), messages.clone()).await, Err(StoreError::NoSession));
    assert_eq!(rows.messages(id("missing")).await, Ok(Vec::new()));

    let orphan = child_of("missing", "orphan");
    let rotated = rows.rotate(id("missing"), Wall(5), orphan.clone(), messages.clone()).await;
    assert!(matches!(rotated, Err(StoreError::NotWritten { .. })), "a child needs its parent: {rotated:?}");
    assert!(matches!(rows.start_turn(orphan, said(&["one"])).await, Err(StoreError::NotWritten { .. })));
    assert_eq!(rows.session(id("orphan")).await, Ok(None));

    assert_eq!(rows.create_session(session("parent")).await, Ok(true));
    assert_eq!(rows.create_session(session("taken")).await, Ok(true));
    let rotated = rows.rotate(id("parent"), Wall(5), child_of("parent", "taken"), messages).await;
    assert!(matches!(rotated, Err(StoreError::NotWritten { .. })), "the child has to be new: {rotated:?}");
    assert_eq!(end_of(rows, "parent").await, None, "the end of the parent is taken back");
    assert_eq!(contents(rows, "taken").await, [""; 0]);
}

/// A row keeps its first end until it is reopened.
async fn the_first_end_wins(rows: &Rows) {
    assert_eq!(rows.end(id("a"), Wall(5), EndReason::TuiClose).await, Ok(false), "there is no row");
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    assert_eq!(rows.end(id("a"), Wall(5), EndReason::WsOrphanReap).await, Ok(true));
    assert_eq!(rows.end(id("a"), Wall(9), EndReason::TuiShutdown).await, Ok(false));
    assert_eq!(rows.create_session(session("a")).await, Ok(false));
    assert_eq!(end_of(rows, "a").await, Some((Wall(5), "ws_orphan_reap".to_owned())));

    assert_eq!(rows.append(id("a"), said(&["late"])).await, Ok(one_row()), "an ended row still takes messages");
    assert_eq!(end_of(rows, "a").await, Some((Wall(5), "ws_orphan_reap".to_owned())));

    assert_eq!(rows.reopen(id("a")).await, Ok(true));
    assert_eq!(rows.reopen(id("missing")).await, Ok(false));
    assert_eq!(end_of(rows, "a").await, None);
    assert_eq!(rows.end(id("a"), Wall(9), EndReason::TuiShutdown).await, Ok(true));
    assert_eq!(end_of(rows, "a").await, Some((Wall(9), "tui_shutdown".to_owned())));
}

/// The row of an orphan ends together with its last messages, and only if it is open.
async fn an_orphan_ends_once(rows: &Rows) {
    let placed = |before, text| Placed { before, message: message(text) };
    rows.create_session(session("a")).await.expect("it is written");
    assert_eq!(rows.end_orphan(id("a"), Wall(2), vec![placed(0, "closed")]).await, Ok(true));
    assert_eq!(rows.end_orphan(id("a"), Wall(3), vec![placed(0, "again")]).await, Ok(false));
    assert_eq!(rows.end_orphan(id("nowhere"), Wall(3), vec![placed(0, "again")]).await, Ok(false));
    assert_eq!(contents(rows, "a").await, ["closed"]);
    assert_eq!(end_of(rows, "a").await, Some((Wall(2), "startup_orphan_reap".to_owned())));
}

/// The messages that an orphan gets have their places among those that it has, and another row keeps its own.
async fn an_orphan_is_closed_in_between(rows: &Rows) {
    let placed = |before, text| Placed { before, message: message(text) };
    rows.start_turn(session("a"), said(&["call", "two", "call too"])).await.expect("it is written");
    rows.start_turn(session("b"), said(&["one"])).await.expect("it is written");
    let results = vec![placed(1, "closed"), placed(1, "closed too"), placed(3, "last")];
    assert_eq!(rows.end_orphan(id("a"), Wall(2), results).await, Ok(true));
    assert_eq!(contents(rows, "a").await, ["call", "closed", "closed too", "two", "call too", "last"]);
    assert_eq!(count_of(rows, "a").await, 6);
    rows.append(id("a"), said(&["three"])).await.expect("it is written");
    assert_eq!(contents(rows, "a").await.last().map(String::as_str), Some("three"));
    assert_eq!(contents(rows, "b").await, ["one"]);

    // No id is given twice, also not one that a moved message had when its row was deleted.
    rows.start_turn(session("c"), said(&["call", "two"])).await.expect("it is written");
    assert_eq!(rows.end_orphan(id("c"), Wall(2), vec![placed(1, "closed")]).await, Ok(true));
    let last = async |name| rows.messages(id(name)).await.expect("it reads").last().map(|message| message.id);
    let moved = last("c").await;
    assert_eq!(rows.delete(id("c")).await, Ok(true));
    rows.append(id("b"), said(&["two"])).await.expect("it is written");
    assert!(last("b").await > moved);
}

/// A taken title is an error for a call that sets a title, and is left out by a call that inserts a row.
async fn a_title_is_held_once(rows: &Rows) {
    let titled = |name: &str| NewSession { title: Some("plan".to_owned()), ..session(name) };
    assert_eq!(rows.create_session(titled("a")).await, Ok(true));
    assert_eq!(rows.create_session(titled("b")).await, Ok(true));
    assert_eq!(title_of(rows, "b").await, None);

    assert_eq!(rows.set_title(id("b"), "plan".to_owned()).await, Err(StoreError::TitleTaken));
    assert_eq!(rows.set_title(id("a"), "plan".to_owned()).await, Ok(true), "its own title is free for it");
    assert_eq!(rows.set_title(id("a"), "goal".to_owned()).await, Ok(true));
    assert_eq!(rows.set_title(id("b"), "plan".to_owned()).await, Ok(true));
    assert_eq!(rows.set_title(id("missing"), "other".to_owned()).await, Ok(false));

    assert_eq!(rows.create_session(child_of("a", "c")).await, Ok(true));
    assert_eq!(rows.continue_title(id("c"), id("a")).await, Ok(true));
    assert_eq!(title_of(rows, "c").await.as_deref(), Some("goal #2"));
    assert_eq!(rows.create_session(session("untitled")).await, Ok(true));
    assert_eq!(rows.continue_title(id("c"), id("untitled")).await, Ok(false));
    assert_eq!(title_of(rows, "c").await.as_deref(), Some("goal #2"));
}

/// A model is set on the row alone; a row that is missing is no error.
async fn a_model_is_set(rows: &Rows) {
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    assert_eq!(rows.create_session(child_of("a", "b")).await, Ok(true));
    assert_eq!(rows.set_model(id("a"), "small".to_owned()).await, Ok(true));
    assert_eq!(rows.set_model(id("missing"), "small".to_owned()).await, Ok(false));
    let model = async |name| rows.session(id(name)).await.expect("it is read").and_then(|row| row.model);
    assert_eq!((model("a").await.as_deref(), model("b").await), (Some("small"), None));
}

/// A rotation ends the parent, makes the child and gives it the messages and the next title.
async fn a_rotation_is_one_step(rows: &Rows) {
    let parent = NewSession { title: Some("plan".to_owned()), ..session("a") };
    assert_eq!(rows.start_turn(parent, said(&["one"])).await, Ok(one_row()));
    let rotated = rows.rotate(id("a"), Wall(5000), child_of("a", "b"), said(&["sum", "last"])).await;
    assert_eq!(rotated, Ok(Written { changed: 2, session: None }));

    assert_eq!(end_of(rows, "a").await, Some((Wall(5000), "compression".to_owned())));
    assert_eq!(contents(rows, "a").await, ["one"]);
    assert_eq!(title_of(rows, "a").await.as_deref(), Some("plan"));
    let child = rows.session(id("b")).await.expect("it reads").expect("the child");
    assert_eq!((child.parent, child.ended_at, child.message_count), (Some(id("a")), None, 2));
    assert_eq!(child.title.as_deref(), Some("plan #2"));
    assert_eq!(contents(rows, "b").await, ["sum", "last"]);

    // A parent that was ended already keeps its end, and the rotation goes through.
    assert_eq!(rows.end(id("b"), Wall(6000), EndReason::TuiClose).await, Ok(true));
    let rotated = rows.rotate(id("b"), Wall(7000), child_of("b", "c"), Vec::new()).await;
    assert_eq!(rotated, Ok(one_row()));
    assert_eq!(end_of(rows, "b").await, Some((Wall(6000), "tui_close".to_owned())));
    assert_eq!(title_of(rows, "c").await.as_deref(), Some("plan #3"));
}

/// Reopening opens the end of a chain only; of another row of it, the end is named.
async fn a_reopened_tip_is_named(rows: &Rows) {
    assert_eq!(rows.reopen_tip(id("a")).await, Ok(None), "there is no row");
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    assert_eq!(rows.rotate(id("a"), Wall(5000), child_of("a", "b"), Vec::new()).await.map(|done| done.changed), Ok(2));
    assert_eq!(rows.end(id("b"), Wall(9000), EndReason::WsOrphanReap).await, Ok(true));
    assert_eq!(rows.tip(id("a"), TipRule::Continuation).await, Ok(id("b")));
    assert_eq!(rows.tip(id("missing"), TipRule::StartedAfterEnd).await, Ok(id("missing")));

    assert_eq!(rows.reopen_tip(id("a")).await, Ok(Some(id("b"))));
    assert_eq!(end_of(rows, "b").await, Some((Wall(9000), "ws_orphan_reap".to_owned())), "it is only named");
    for _ in 0..2 {
        assert_eq!(rows.reopen_tip(id("b")).await, Ok(Some(id("b"))));
        assert_eq!(end_of(rows, "b").await, None);
    }
    assert_eq!(end_of(rows, "a").await, Some((Wall(5000), "compression".to_owned())));
}

/// Replaced messages stay in the table; the counter follows the active ones.
async fn a_compression_in_place_counts_what_is_left(rows: &Rows) {
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    let call = NewMessage { tool_calls: Some(r#"[{"id": "1"}, {"id": "2"}]"#.to_owned()), ..message("two") };
    assert_eq!(rows.append(id("a"), vec![message("one"), call, message("three")]).await, Ok(one_row()));
    let row = rows.session(id("a")).await.expect("it reads").expect("the row");
    assert_eq!((row.message_count, row.tool_call_count), (3, 2), "each call of a message counts");

    assert_eq!(rows.compact(id("a"), said(&["sum", "last"])).await, Ok(one_row()));
    let row = rows.session(id("a")).await.expect("it reads").expect("the row");
    assert_eq!((row.message_count, row.tool_call_count, row.ended_at), (2, 0, None));

    assert_eq!(rows.append(id("a"), said(&["four", "five", "six"])).await, Ok(one_row()));
    let row = rows.session(id("a")).await.expect("it reads").expect("the row");
    assert_eq!(row.message_count, 5);
    let active = rows.messages(id("a")).await.expect("it reads");
    assert_eq!(texts(&active), ["sum", "last", "four", "five", "six"]);
    assert_eq!(active.last().map(|last| last.id), Some(8), "the three that were replaced are still there");
}

/// A title for a session without a row makes the row, unless another session has the title.
async fn a_title_makes_its_row(rows: &Rows) {
    assert_eq!(rows.name_session(session("a"), "plan".to_owned()).await, Ok(one_row()));
    assert_eq!(title_of(rows, "a").await.as_deref(), Some("plan"));
    assert_eq!(rows.name_session(session("b"), "plan".to_owned()).await, Err(StoreError::TitleTaken));
    assert_eq!(rows.session(id("b")).await, Ok(None), "the row is taken back");

    assert_eq!(rows.end(id("a"), Wall(5), EndReason::TuiClose).await, Ok(true));
    assert_eq!(rows.name_session(session("a"), "goal".to_owned()).await, Ok(one_row()));
    assert_eq!(title_of(rows, "a").await.as_deref(), Some("goal"));
    assert_eq!(end_of(rows, "a").await, Some((Wall(5), "tui_close".to_owned())), "a named row stays as it was");
}

/// The title of a row that was continued is free for its continuation only.
async fn a_conversation_takes_its_title_along(rows: &Rows) {
    let parent = NewSession { title: Some("plan".to_owned()), ..session("a") };
    assert_eq!(rows.create_session(parent).await, Ok(true));
    for (parent, child) in [("a", "b"), ("b", "c")] {
        assert!(rows.rotate(id(parent), Wall(5), child_of(parent, child), Vec::new()).await.is_ok());
    }
    assert_eq!(rows.branch(branch_of("c", "d"), BranchTitle::None, Vec::new()).await, Ok(one_row()));
    for other in ["d", "e"] {
        let named = rows.name_session(session(other), "plan".to_owned()).await;
        assert_eq!(named, Err(StoreError::TitleTaken), "{other} does not continue the row that has the title");
    }
    assert_eq!(rows.name_session(session("c"), "plan".to_owned()).await, Ok(one_row()));
    assert_eq!((title_of(rows, "a").await, title_of(rows, "c").await.as_deref()), (None, Some("plan")));
    assert_eq!(title_of(rows, "b").await.as_deref(), Some("plan #2"));
}

/// Messages that are replaced are deleted, and the counters follow.
async fn replaced_messages_are_gone(rows: &Rows) {
    let missing = rows.replace_messages(id("a"), Vec::new(), Replaced::Active, Vec::new()).await;
    assert_eq!(missing, Err(StoreError::NoSession));
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    assert_eq!(rows.append(id("a"), said(&["one", "two"])).await, Ok(one_row()));
    assert_eq!(rows.compact(id("a"), said(&["sum", "last"])).await, Ok(one_row()));

    assert_eq!(rows.replace_messages(id("a"), said(&["sum"]), Replaced::Active, Vec::new()).await, Ok(one_row()));
    assert_eq!(contents(rows, "a").await, ["sum"]);
    assert_eq!(count_of(rows, "a").await, 1);
    assert_eq!(rows.replace_messages(id("a"), Vec::new(), Replaced::All, Vec::new()).await, Ok(one_row()));
    assert_eq!(contents(rows, "a").await, [""; 0]);
    assert_eq!(count_of(rows, "a").await, 0);
}

/// A branch has a parent and goes its own way: the parent's chain does not lead to it, and it is listed by itself.
async fn a_branch_continues_nobody(rows: &Rows) {
    let parent = NewSession { title: Some("plan".to_owned()), ..session("a") };
    assert_eq!(rows.start_turn(parent, said(&["one"])).await, Ok(one_row()));
    assert_eq!(rows.branch(branch_of("a", "b"), BranchTitle::Next, said(&["one"])).await, Ok(one_row()));
    let row = rows.session(id("b")).await.expect("it reads").expect("the branch");
    assert_eq!((row.parent, row.branched_from, row.ended_at), (Some(id("a")), Some(id("a")), None));
    assert_eq!((row.title.as_deref(), row.message_count), (Some("plan #2"), 1));
    assert_eq!(contents(rows, "b").await, ["one"]);
    assert_eq!(end_of(rows, "a").await, None);

    let later = NewSession { started_at: Wall(6000), ..child_of("a", "c") };
    assert!(rows.rotate(id("a"), Wall(6000), later, Vec::new()).await.is_ok());
    assert_eq!(rows.tip(id("a"), TipRule::Continuation).await, Ok(id("c")));
    assert_eq!(rows.end(id("c"), Wall(7), EndReason::TuiClose).await, Ok(true));
    assert_eq!(rows.reopen_tip(id("a")).await, Ok(Some(id("c"))));
    for (order, first, second) in [(ListOrder::Start, "b", "c"), (ListOrder::Activity, "c", "b")] {
        let listed = rows.list(10, order, TipRule::Continuation).await.expect("it lists");
        assert_eq!(listed.iter().map(|listed| &listed.row.id).collect::<Vec<_>>(), [&id(first), &id(second)]);
        assert_eq!(rows.list(1, order, TipRule::Continuation).await.map(|listed| listed.len()), Ok(1));
    }
}

/// A draft of a branch gets its row with its messages, also when its parent was deleted.
async fn a_draft_is_whole(rows: &Rows) {
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    for (from, parent) in [("a", Some(id("a"))), ("gone", None)] {
        let name = format!("draft of {from}");
        let draft = branch_of(from, &name);
        assert_eq!(rows.start_turn(draft, said(&["given", "asked"])).await, Ok(one_row()));
        let row = rows.session(id(&name)).await.expect("it reads").expect("the draft");
        assert_eq!((row.parent, row.branched_from, row.message_count), (parent, Some(id(from)), 2));
    }
}

/// A branch is written as a whole or not at all. Titles of branches without a titled parent count up too.
async fn a_failed_branch_leaves_nothing(rows: &Rows) {
    assert_eq!(rows.create_session(session("a")).await, Ok(true));
    let titles = [BranchTitle::Next, BranchTitle::Next, BranchTitle::Asked("plan".to_owned()), BranchTitle::None];
    for (place, title) in titles.into_iter().enumerate() {
        let child = branch_of("a", &format!("b{place}"));
        assert_eq!(rows.branch(child, title, Vec::new()).await, Ok(one_row()));
    }
    let mut given = Vec::new();
    for place in 0..4 {
        given.push(title_of(rows, &format!("b{place}")).await);
    }
    let expected = [Some("branch"), Some("branch #2"), Some("plan"), None];
    assert_eq!(given, expected.map(|title| title.map(str::to_owned)));

    let taken = rows.branch(branch_of("a", "c"), BranchTitle::Asked("plan".to_owned()), said(&["one"])).await;
    assert_eq!(taken, Err(StoreError::TitleTaken));
    let twice = rows.branch(branch_of("a", "b0"), BranchTitle::None, said(&["one"])).await;
    assert!(matches!(twice, Err(StoreError::NotWritten { .. })), "the branch has to be new: {twice:?}");
    let orphan = rows.branch(branch_of("missing", "c"), BranchTitle::None, said(&["one"])).await;
    assert!(matches!(orphan, Err(StoreError::NotWritten { .. })), "a branch needs its parent: {orphan:?}");
    assert_eq!(rows.session(id("c")).await, Ok(None));
    assert_eq!((contents(rows, "c").await, contents(rows, "b0").await), (Vec::new(), Vec::new()));
}

/// A deleted row takes its messages along and its children lose their parent; its id and title are free again.
async fn a_deleted_row_leaves_its_children(rows: &Rows) {
    assert_eq!(rows.delete(id("a")).await, Ok(false), "there is no row");
    let titled = || NewSession { title: Some("plan".to_owned()), ..session("a") };
    assert_eq!(rows.start_turn(titled(), said(&["one"])).await, Ok(one_row()));
    assert!(rows.rotate(id("a"), Wall(5), child_of("a", "b"), said(&["sum"])).await.is_ok());
    assert_eq!(rows.branch(branch_of("a", "c"), BranchTitle::None, Vec::new()).await, Ok(one_row()));

    assert_eq!(rows.delete(id("a")).await, Ok(true));
    assert_eq!(rows.session(id("a")).await, Ok(None));
    assert_eq!(contents(rows, "a").await, [""; 0]);
    for child in ["b", "c"] {
        assert_eq!(rows.session(id(child)).await.expect("it reads").expect("the child").parent, None);
    }
    assert_eq!(contents(rows, "b").await, ["sum"]);
    assert_eq!(rows.append(id("a"), said(&["late"])).await, Err(StoreError::NoSession));
    assert_eq!(rows.create_session(titled()).await, Ok(true));
    assert_eq!(title_of(rows, "a").await.as_deref(), Some("plan"));
}

/// A conversation is deleted with all its rows, unless it has other rows than the caller knows. Branches stay.
async fn a_conversation_is_deleted_whole(rows: &Rows) {
    assert_eq!(rows.chain(id("a")).await, Ok(Vec::new()));
    assert_eq!(rows.delete_chain(id("a"), Vec::new()).await, Ok(false), "there is no row");
    assert_eq!(rows.start_turn(session("a"), said(&["one"])).await, Ok(one_row()));
    assert!(rows.rotate(id("a"), Wall(5), child_of("a", "b"), said(&["sum"])).await.is_ok());
    assert_eq!(rows.branch(branch_of("b", "d"), BranchTitle::None, said(&["kept"])).await, Ok(one_row()));
    let known = rows.chain(id("b")).await.expect("it reads");
    assert_eq!(known, [id("a"), id("b")]);

    assert!(rows.rotate(id("b"), Wall(6), child_of("b", "c"), said(&["sum"])).await.is_ok());
    assert_eq!(rows.delete_chain(id("b"), known).await, Ok(false), "it has moved on");
    assert_eq!(contents(rows, "a").await, ["one"]);

    let all = rows.chain(id("b")).await.expect("it reads");
    assert_eq!(rows.delete_chain(id("b"), all).await, Ok(true));
    for row in ["a", "b", "c"] {
        assert_eq!(rows.session(id(row)).await, Ok(None));
        assert_eq!(contents(rows, row).await, [""; 0]);
    }
    assert_eq!(rows.session(id("d")).await.expect("it reads").expect("the branch").parent, None);
    assert_eq!(contents(rows, "d").await, ["kept"]);
}

fn id(name: &str) -> StoredId {
    StoredId::new(name)
}

fn session(name: &str) -> NewSession {
    NewSession {
        id: id(name),
        source: "tui".to_owned(),
        model: None,
        parent: None,
        branched_from: None,
        started_at: Wall(1500),
        cwd: None,
        title: None,
    }
}

fn child_of(parent: &str, name: &str) -> NewSession {
    NewSession { parent: Some(id(parent)), started_at: Wall(5000), ..session(name) }
}

fn branch_of(parent: &str, name: &str) -> NewSession {
    NewSession { branched_from: Some(id(parent)), ..child_of(parent, name) }
}

fn message(text: &str) -> NewMessage {
    NewMessage::text(Role::User, text, Wall(2000))
}

fn said(texts: &[&str]) -> Vec<NewMessage> {
    texts.iter().map(|text| message(text)).collect()
}

fn one_row() -> Written {
    Written { changed: 1, session: None }
}

async fn contents(rows: &Rows, name: &str) -> Vec<String> {
    texts(&rows.messages(id(name)).await.expect("it reads"))
}

fn texts(messages: &[MessageRow]) -> Vec<String> {
    messages.iter().map(|row| row.message.content.clone().unwrap_or_default()).collect()
}

async fn count_of(rows: &Rows, name: &str) -> u64 {
    rows.session(id(name)).await.expect("it reads").expect("the row").message_count
}

async fn end_of(rows: &Rows, name: &str) -> Option<(Wall, String)> {
    let row = rows.session(id(name)).await.expect("it reads").expect("the row");
    row.ended_at.zip(row.end_reason)
}

async fn title_of(rows: &Rows, name: &str) -> Option<String> {
    rows.session(id(name)).await.expect("it reads").expect("the row").title
}
