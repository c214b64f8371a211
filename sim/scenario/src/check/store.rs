//! The `[store]` table: latencies, the calls that fail, and the odds that other calls fail.

use std::ops::Range;

use gateway_core::clock::Millis;

use super::latency::latency;
use crate::error::{ScenarioError, Source, list};
use crate::fault::{Call, CallSide, Fault, Odds, StoreFault};
use crate::parse::{RawFault, RawOdds, RawStore};
use crate::placed::Spanned;
use crate::settings::StoreSettings;
use crate::step::OnSkip;

/// Checks the whole `[store]` table and converts it.
pub(super) fn settings(source: &Source<'_>, raw: RawStore) -> Result<StoreSettings, ScenarioError> {
    Ok(StoreSettings {
        before_commit: latency(source, raw.before_commit.as_ref())?,
        after_commit: latency(source, raw.after_commit.as_ref())?,
        after_lookup: latency(source, raw.after_lookup.as_ref())?,
        faults: raw.faults.into_iter().map(|raw| store_fault(source, raw)).collect::<Result<_, _>>()?,
        odds: odds(source, raw.odds)?,
        synchronous: raw.synchronous,
        journal: raw.journal,
    })
}

fn store_fault(source: &Source<'_>, raw: Spanned<RawFault>) -> Result<StoreFault, ScenarioError> {
    let whole = raw.span();
    let raw = raw.into_inner();
    let call = call(source, &whole, raw.write, raw.read)?;
    if let Some(nth) = raw.nth.as_ref().filter(|nth| *nth.get_ref() == 0) {
        return Err(source.error(nth.span(), "`nth` is 0").with_help("calls are counted from 1"));
    }
    if let Some(until) = raw.until.as_ref().filter(|until| *until.get_ref() <= raw.from) {
        let message = format!("`until` is `{}`, but `from` is `{}`", text(*until.get_ref()), text(raw.from));
        return Err(source.error(until.span(), message).with_help("calls before `until` fail, from `from` on"));
    }
    let fault = fault(source, &whole, call, raw.fault, raw.lasts, raw.change)?;
    let (nth, until) = (raw.nth.map(Spanned::into_inner), raw.until.map(Spanned::into_inner));
    Ok(StoreFault { call, nth, from: raw.from, until, fault, on_skip: OnSkip::of(raw.may_skip) })
}

fn call(
    source: &Source<'_>,
    whole: &Range<usize>,
    write: Option<Spanned<String>>,
    read: Option<Spanned<String>>,
) -> Result<Call, ScenarioError> {
    let (side, word) = match (write, read) {
        (Some(write), None) => (CallSide::Write, write),
        (None, Some(read)) => (CallSide::Read, read),
        (Some(_), Some(read)) => {
            let place = source.key("read", read.span());
            return Err(source.error(place, "both `write` and `read`").with_help(CALL_HELP));
        }
        (None, None) => {
            return Err(source.error(whole.clone(), "neither `write` nor `read`").with_help(CALL_HELP));
        }
    };
    Call::named(side, word.get_ref()).ok_or_else(|| {
        let message = format!("unknown {} `{}`", side.key(), word.get_ref());
        source.error(word.span(), message).with_help(format!("{}s are {}", side.key(), list(side.words())))
    })
}

const CALL_HELP: &str = "a fault hits calls of one kind: `write = \"append\"`, `read = \"open\"`, or `any` of them";

fn fault(
    source: &Source<'_>,
    whole: &Range<usize>,
    call: Call,
    word: Option<Spanned<String>>,
    lasts: Option<Spanned<Millis>>,
    change: Option<Spanned<u32>>,
) -> Result<Fault, ScenarioError> {
    let Some(word) = word else {
        return Err(source.error(whole.clone(), "missing key `fault`").with_help(FAULT_HELP));
    };
    if let Some(change) = change.as_ref().filter(|_| word.get_ref() != "power") {
        let place = source.key("change", change.span());
        return Err(source.error(place, format!("`change` with `{}`", word.get_ref())).with_help(FAULT_HELP));
    }
    let fault = match (word.get_ref().as_str(), &lasts) {
        ("power", None) => power(source, &word, change)?,
        ("busy", Some(lasts)) => Fault::Busy { lasts: *lasts.get_ref() },
        ("busy", None) => {
            let help = "say how long another process holds the database: lasts = \"5s\"";
            return Err(source.error(word.span(), "`busy` without `lasts`").with_help(help));
        }
        ("error", None) => Fault::Error,
        ("full", None) => Fault::Full,
        ("sync", None) => Fault::Sync,
        ("lost", None) => Fault::Lost,
        ("crash", None) => Fault::Crash,
        ("crash_after", None) => Fault::CrashAfter,
        ("error" | "full" | "sync" | "lost" | "crash" | "crash_after" | "power", Some(lasts)) => {
            let place = source.key("lasts", lasts.span());
            return Err(source.error(place, format!("`lasts` with `{}`", word.get_ref())).with_help(FAULT_HELP));
        }
        (other, _) => {
            return Err(source.error(word.span(), format!("unknown fault `{other}`")).with_help(FAULT_HELP));
        }
    };
    if call.side == CallSide::Read && !matches!(fault, Fault::Error | Fault::Crash) {
        let message = format!("a read that is `{}`", word.get_ref());
        let help = "the faults of a read are `error` and `crash`: a read waits for no lock and commits nothing";
        return Err(source.error(word.span(), message).with_help(help));
    }
    Ok(fault)
}

fn power(source: &Source<'_>, word: &Spanned<String>, change: Option<Spanned<u32>>) -> Result<Fault, ScenarioError> {
    match change {
        Some(change) if *change.get_ref() > 0 => Ok(Fault::Power { change: *change.get_ref() }),
        Some(change) => {
            Err(source.error(change.span(), "`change` is 0").with_help("changes of the disk are counted from 1"))
        }
        None => {
            let help = "say at which change of the disk in this write the power is lost: change = 1";
            Err(source.error(word.span(), "`power` without `change`").with_help(help))
        }
    }
}

const FAULT_HELP: &str = "faults are `busy` with `lasts`, `error` and `full` (nothing is written), `sync` (nothing says whether it is written), `lost` (it is written), `crash` (a kill before it), `crash_after` (a kill after it) and `power` with `change`";

fn odds(source: &Source<'_>, raw: Option<Spanned<RawOdds>>) -> Result<Odds, ScenarioError> {
    let Some(raw) = raw else { return Ok(Odds::default()) };
    let place = raw.span();
    let RawOdds { busy, error, lost } = raw.into_inner();
    let odds = Odds { busy, error, lost };
    match odds.weights() {
        Some(_) => Ok(odds),
        None => Err(source
            .error(place, format!("odds of {busy}, {error} and {lost}"))
            .with_help("their sum is at most 1, and their common denominator is less than 2^64")),
    }
}

fn text(length: Millis) -> String {
    String::from(length)
}
