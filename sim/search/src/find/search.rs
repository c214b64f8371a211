//! The search for runs that end in the rows of a pattern.
//!
//! The unit of work is a candidate with its schedules. Units of one round share nothing, and their results are added in their
//! order, so that a search does not depend on the number of threads. Some candidates of later rounds are mutations of the
//! nearest ones of earlier rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use gateway_core::release::Release;
use interleaving::prng::Prng;
use interleaving::strategy::{Fifo, Follow, Plan, Profile, Strategy};
use interleaving::tape::Tape;
use sim_harness::observation::Observation;
use sim_harness::report::Live;
use sim_harness::rows::ListedSession;
use sim_harness::simulation::Simulator;
use sim_scenario::{OnSkip, Scenario};
use siphasher::sip::SipHasher13;

use super::apart::apart;
use super::candidate::{self, Shape, World};
use super::cause::{Cause, Question, Settings, is_whole, mended};
use super::fit::{Clients, Fit};
use super::goal::Goal;
use super::pattern::Pattern;
use crate::shrink::{Limits, Shrunk, Size, Target, bare, is_shown, shown_on_any_schedule, shrink_to};

/// The number of schedules of one candidate: the scripted one, and some of the portfolio of strategies.
pub const SCHEDULES: u64 = 4;

/// The number of units of a round. The first ones, and those after a cause is found, are smaller: the hits of one round do not
/// know each other, so each of them is explained in full.
const ROUND: u64 = 32;
const FIRST_ROUND: u64 = 4;

/// So many units come before the first that has latencies or faults: a cause that needs none of them is found without.
const PLAIN: u64 = 256;

/// After a first hit, so many units go on for hits by other causes: the smallest scenario may have another one.
const CLEAR_UNITS: u64 = 256;

/// After a hit whose cause is not clear, so many units go on for one whose cause is.
const UNCLEAR_UNITS: u64 = 512;

/// The largest number of runs of a shrink before hits are compared.
const ROUGH_TRIES: u64 = 1_500;

/// The largest number of causes by which a hit is recognized. Each takes a run or a few.
const KNOWN: usize = 16;

/// The number of near candidates that are kept for mutation.
const POOL: usize = 24;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The rows.
    pub pattern: Pattern,
    /// The release that leaves them.
    pub release: Release,
    /// The seed of all candidates and schedules.
    pub seed: u64,
    /// The largest number of runs.
    pub runs: u64,
    /// The largest number of runs of one shrink.
    pub tries: u64,
}

/// A run, and how far it is from the pattern.
#[derive(Clone, Debug)]
pub struct Near {
    /// The number of the run, from 0.
    pub run: u64,
    /// Its fit to the pattern.
    pub fit: Fit,
    /// Its rows at the end.
    pub rows: Vec<ListedSession>,
    /// What was live then.
    pub live: Live,
    scenario: Scenario,
    tape: Tape,
}

/// A run that ends in the rows, before its cause is known.
struct Run<'a> {
    number: u64,
    plan: Plan,
    /// The scenario as it was run, with the mended fields.
    scenario: &'a Scenario,
    tape: Tape,
}

/// A run that ends in the rows by a cause.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The number of the run, from 0.
    pub run: u64,
    /// How its schedule was chosen.
    pub plan: Plan,
    /// The scenario as it was run.
    pub scenario: Scenario,
    /// Why the release leaves the rows.
    pub cause: Cause,
    /// The fields that were set as in `current` when it was found.
    mended: Settings,
    tape: Tape,
}

/// A hit with its file.
#[derive(Clone, Debug)]
pub struct Found {
    /// The run.
    pub hit: Hit,
    /// The smallest scenario that ends in the rows by the same cause, as a file with its tape and expectations.
    pub scenario: Scenario,
    /// The cause, judged on that scenario.
    pub cause: Cause,
    /// The number of runs of the shrink.
    pub tries: u64,
}

/// The result of a unit.
#[derive(Clone, Debug, Default)]
pub struct UnitResult {
    runs: u64,
    hit: Option<Hit>,
    sound: Option<Hit>,
    near: Option<Near>,
    met: BTreeMap<(usize, usize), u64>,
}

/// The state of a search: a function of the search and of the number of rounds that it holds.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The number of runs so far.
    pub runs: u64,
    /// The nearest run that does not end in the rows by a new cause.
    pub nearest: Option<Near>,
    /// The first run that ends in rows that `current` leaves, too.
    sound: Option<Hit>,
    /// The number of rounds since the start or the last cause that was found.
    rounds: u32,
    /// The first run by each clear cause, and the units since the first of them.
    clear: Vec<Hit>,
    clear_units: u64,
    /// The first run by a cause that is not clear, and the units since.
    unclear: Option<(Hit, u64)>,
    /// The causes of all hits so far, at most [`KNOWN`], by which further hits are passed over.
    known: Vec<Cause>,
    /// How many runs had a row that meets each word, by the places of an alias and of its word.
    pub met: BTreeMap<(usize, usize), u64>,
    /// The nearest runs, the nearest first.
    pool: Vec<Near>,
    /// The fields of the causes that are found, set as in `current`: of each group one is, in turn.
    mended: Vec<Settings>,
    next: u64,
}

impl Search {
    /// Whether clients may stay: under `current` a live session without a client ends soon, so a pattern with live sessions
    /// would never hold. An old release is asked for what it leaves when everybody has gone.
    pub fn clients(&self) -> Clients {
        match self.release == Release::Current && self.pattern.live.is_some_and(|live| live > 0) {
            true => Clients::MayStay,
            false => Clients::AreGone,
        }
    }

    /// The units of the next round; empty when the bound is reached.
    pub fn round(&self, progress: &Progress) -> Vec<u64> {
        let end = self.runs.div_ceil(SCHEDULES);
        let width = (FIRST_ROUND << progress.rounds.min(u64::BITS / 2)).min(ROUND);
        (progress.next.min(end)..(progress.next + width).min(end)).collect()
    }

    /// Carries out one unit. The result is a function of the search, the unit and the progress.
    pub fn carry_out(&self, simulator: &mut Simulator, unit: u64, progress: &Progress) -> UnitResult {
        let mut prng = Prng::stream(self.seed ^ unit.wrapping_mul(0x9e37_79b9_7f4a_7c15), "find.unit");
        let parent = (!progress.pool.is_empty() && prng.hits(3, 8)).then(|| prng.one(&progress.pool));
        let world = match prng.below(8) {
            _ if unit < PLAIN => World::Plain,
            0 | 1 => World::Plain,
            2..=4 => World::Windows,
            _ => World::Any,
        };
        let mended = progress.mended_in(unit);
        let (pattern, clients) = (&self.pattern, self.clients());
        let shape = Shape { pattern, world, clients };
        let mut scenario = match parent {
            Some(near) => candidate::mutated(&mut prng, &near.scenario, shape),
            None => candidate::generated(&mut prng, shape),
        };
        scenario.releases = vec![self.release];
        scenario.behavior.clone_from(&mended);
        let mut result = UnitResult::default();
        let mut profile = Profile::default();
        for number in unit * SCHEDULES..((unit + 1) * SCHEDULES).min(self.runs) {
            let schedule = prng.draw();
            let (plan, strategy) = match (result.runs, parent) {
                (0, Some(near)) => (Plan::Fifo, Box::new(Follow::new(&near.tape)) as Box<dyn Strategy>),
                (0, None) => (Plan::Fifo, Box::new(Fifo) as Box<dyn Strategy>),
                _ => {
                    let plan = Plan::member(schedule);
                    (plan, plan.strategy(schedule, &profile))
                }
            };
            let (report, ends) = simulator.observe(&scenario, self.release, strategy, &[]);
            if result.runs == 0 {
                profile = Profile::of(&report.tape);
            }
            result.runs += 1;
            let Some(end) = ends.last().filter(|_| is_whole(&report)) else { continue };
            let fit = Fit::of(pattern, &scenario, end, self.clients());
            result.count(fit.met_by_any(pattern, end));
            let is_hit = fit.distance.sum() == 0;
            result.note(Near::new(number, fit, end, report.live, &scenario, &report.tape));
            if is_hit && result.hit.is_none() {
                self.verify(
                    simulator,
                    &mut result,
                    Run { number, plan, scenario: &scenario, tape: report.tape },
                    progress,
                );
            }
        }
        result
    }

    /// Decides whether a run that ends in the rows is a hit: under an old release, whether `current` does not leave them.
    fn verify(&self, simulator: &mut Simulator, result: &mut UnitResult, run: Run<'_>, progress: &Progress) {
        let mended = run.scenario.behavior.clone();
        let plain = Scenario { behavior: Vec::new(), ..run.scenario.clone() };
        let mut tape = run.tape;
        // The run was one of the release with its earlier causes mended; the release itself has to show the rows as well.
        if !mended.is_empty() {
            let strategy: Box<dyn Strategy> = Box::new(Follow::new(&tape));
            let (report, ends) = simulator.observe(&plain, self.release, strategy, &[]);
            let holds = |end: &&Observation| Fit::of(&self.pattern, &plain, end, self.clients()).distance.sum() == 0;
            if ends.last().filter(|_| is_whole(&report)).filter(holds).is_none() {
                return;
            }
            tape = report.tape;
        }
        let (pattern, clients, release) = (&self.pattern, self.clients(), self.release);
        let question = Question { pattern, clients, scenario: &plain, release, tape: &tape };
        // A full explanation takes a run for each field of behaviour, and most hits have a cause that is known.
        if question.is_known(simulator, &progress.known, &mended) {
            return;
        }
        let cause = question.cause(simulator, &mended);
        // With the earlier causes mended, the tape of the release itself may lead elsewhere.
        let goal = Goal { pattern, clients, mended: &mended, cause: &cause };
        if !is_shown(simulator, &plain, release, &tape, &goal) {
            return;
        }
        let is_sound = cause == Cause::Sound;
        let hit = Hit { run: run.number, plan: run.plan, scenario: plain, cause, mended, tape };
        if is_sound && release == Release::Current {
            result.hit = Some(Hit { cause: Cause::Current, ..hit });
        } else if is_sound {
            result.sound.get_or_insert(hit);
        } else {
            result.hit = Some(hit);
        }
    }

    /// Shrinks a hit so far that its size can be compared with that of others.
    pub fn rough(&self, simulator: &mut Simulator, hit: &Hit) -> Hit {
        let shrunk = self.shrink(simulator, hit, self.tries.clamp(1, ROUGH_TRIES));
        let tape = shrunk.scenario.tapes.get(&self.release).cloned().unwrap_or_default();
        let scenario = Scenario {
            facts: Vec::new(),
            expect: Default::default(),
            tapes: Default::default(),
            on_skip: OnSkip::Allowed,
            ..shrunk.scenario
        };
        Hit { scenario, tape, ..hit.clone() }
    }

    fn shrink(&self, simulator: &mut Simulator, hit: &Hit, tries: u64) -> Shrunk {
        let (pattern, clients) = (&self.pattern, self.clients());
        let goal = Goal { pattern, clients, mended: &hit.mended, cause: &hit.cause };
        let limits = Limits { tries, plan: hit.plan, ..Limits::default() };
        let tape = &hit.tape;
        let shrunk = shrink_to(simulator, &hit.scenario, self.release, tape, &goal, limits, &mut |_| {});
        shrunk.expect("a hit shows what it was found by")
    }

    /// Shrinks a hit to its file. The result is a function of the search and the hit.
    pub fn finish(&self, simulator: &mut Simulator, hit: &Hit) -> Found {
        let hit = hit.clone();
        let (pattern, clients) = (&self.pattern, self.clients());
        let shrunk = self.shrink(simulator, &hit, self.tries.max(1));
        let tape = shrunk.scenario.tapes.get(&self.release).cloned().unwrap_or_default();
        let bare = Scenario { facts: Vec::new(), ..shrunk.scenario.clone() };
        let question = Question { pattern, clients, scenario: &bare, release: self.release, tape: &tape };
        // A cause that was not clear may be so in a smaller scenario.
        let cause = if hit.cause.is_clear() || hit.cause == Cause::Sound {
            hit.cause.clone()
        } else {
            question.cause(simulator, &hit.mended)
        };
        Found { scenario: shrunk.scenario, cause, tries: shrunk.tries, hit }
    }

    /// The found scenario with other times, which `accepts` and at which any schedule ends in the rows by the same cause; none
    /// if no such times were found. The result is a function of the search and the found
    /// scenario.
    pub fn apart(
        &self,
        simulator: &mut Simulator,
        found: &Found,
        accepts: &mut dyn FnMut(&mut Simulator, &Scenario) -> bool,
    ) -> Option<Found> {
        let (pattern, clients, release) = (&self.pattern, self.clients(), self.release);
        let goal = Goal { pattern, clients, mended: &found.hit.mended, cause: &found.cause };
        let plain = Scenario { facts: Vec::new(), ..bare(&found.scenario, release) };
        let scenario = apart(&plain, &mut |candidate| {
            accepts(simulator, candidate) && shown_on_any_schedule(simulator, candidate, release, &goal).is_some()
        })?;
        let report = shown_on_any_schedule(simulator, &scenario, release, &goal)?;
        Some(Found { scenario: goal.finished(scenario, &report, &Tape::default()), ..found.clone() })
    }
}

impl Hit {
    /// Its size, by which hits are compared.
    pub fn size(&self) -> Size {
        Size::of(&self.scenario)
    }
}

impl Found {
    /// The name of its file without the extension: it depends on pattern, release and cause, so that the same search replaces
    /// its own files only.
    pub fn name(&self, search: &Search) -> String {
        let mut hasher = SipHasher13::new();
        hasher.write(search.pattern.to_string().as_bytes());
        let digest = format!("{:016x}", hasher.finish());
        let cause = match self.cause.fields().first() {
            Some(explained) => &explained.field,
            // `current` leaves other rows, but no field alone explains it.
            None if matches!(self.cause, Cause::Several(_)) => "several_fields",
            None => "no_defect",
        };
        format!("rows_{}_{}_{cause}", &digest[..8], search.release)
    }
}

impl Near {
    fn new(run: u64, fit: Fit, end: &Observation, live: Live, scenario: &Scenario, tape: &Tape) -> Self {
        let (rows, scenario, tape) = (end.rows.listed(), scenario.clone(), tape.clone());
        Self { run, fit, rows, live, scenario, tape }
    }
}

impl UnitResult {
    fn count(&mut self, met: BTreeSet<(usize, usize)>) {
        for word in met {
            *self.met.entry(word).or_default() += 1;
        }
    }

    /// Keeps the nearest run, the first of several.
    fn note(&mut self, near: Near) {
        let is_nearer = |kept: &Near| near.fit.distance.rank() < kept.fit.distance.rank();
        if self.near.as_ref().is_none_or(is_nearer) {
            self.near = Some(near);
        }
    }
}

impl Progress {
    /// Adds the results of a round in the order of its units.
    pub fn absorb(&mut self, round: Vec<UnitResult>) {
        let units = round.len() as u64;
        self.rounds += 1;
        self.clear_units += if self.clear.is_empty() { 0 } else { units };
        if let Some((_, since)) = &mut self.unclear {
            *since += units;
        }
        for result in round {
            self.next += 1;
            self.runs += result.runs;
            for (word, count) in result.met {
                *self.met.entry(word).or_default() += count;
            }
            self.sound = self.sound.take().or(result.sound);
            self.learn(result.hit.as_ref());
            match result.hit {
                Some(hit) if self.clear.iter().any(|kept| kept.cause == hit.cause) => {}
                Some(hit) if hit.cause.is_clear() => self.clear.push(hit),
                Some(hit) if self.unclear.is_none() => self.unclear = Some((hit, 0)),
                _ => {}
            }
            self.pool.extend(result.near);
        }
        // Later ones first among equals, so that the pool moves on.
        self.pool.sort_by_key(|near| (near.fit.distance.rank(), std::cmp::Reverse(near.run)));
        self.pool.truncate(POOL);
        let nearest = self.pool.iter().min_by_key(|near| (near.fit.distance.rank(), near.run));
        if let Some(near) = nearest
            && self.nearest.as_ref().is_none_or(|kept| near.fit.distance.rank() < kept.fit.distance.rank())
        {
            self.nearest = Some(near.clone());
        }
    }

    /// Notes the cause of a hit. One whose fields are not each needed is not recognized by them.
    fn learn(&mut self, hit: Option<&Hit>) {
        let Some(Hit { cause: cause @ (Cause::Clear(_) | Cause::Needed(_)), .. }) = hit else { return };
        if self.known.len() < KNOWN && !self.known.contains(cause) {
            self.known.push(cause.clone());
        }
    }

    /// The hits to shrink now, each by another cause; empty while the search should go on. `last` says that its bound is
    /// reached.
    ///
    /// A hit without a clear cause is among them only if none with one has come for a while, and rows that `current` leaves,
    /// too, only if there is nothing else at all.
    pub fn take_hits(&mut self, release: Release, last: bool) -> Vec<Hit> {
        let is_enough = last || release == Release::Current || self.clear_units >= CLEAR_UNITS;
        if !self.clear.is_empty() {
            return if is_enough { std::mem::take(&mut self.clear) } else { Vec::new() };
        }
        let is_late = self.unclear.as_ref().is_some_and(|(_, units)| *units > UNCLEAR_UNITS);
        let unclear = if last || is_late { self.unclear.take() } else { None };
        let sound = if last && unclear.is_none() && self.mended.is_empty() { self.sound.take() } else { None };
        unclear.map(|(hit, _)| hit).or(sound).into_iter().collect()
    }

    /// Goes on for another cause: from here on the release is searched with this one mended.
    ///
    /// Returns false if the cause has no field that could be mended, so that no other cause can be distinguished from it.
    pub fn mend(&mut self, cause: &Cause, release: Release) -> bool {
        let fields = mended(cause, release);
        let groups = match cause {
            // Each field has the same effect, so the rows vanish only without all of them.
            Cause::Several(_) => fields.into_iter().map(|field| vec![field]).collect(),
            // The rows vanish without any one of them.
            _ if fields.is_empty() => Vec::new(),
            _ => vec![fields],
        };
        let new: Vec<Settings> = groups.into_iter().filter(|group| !self.mended.contains(group)).collect();
        let is_new = !new.is_empty();
        self.mended.extend(new);
        self.pool.clear();
        (self.nearest, self.unclear, self.clear_units, self.rounds) = (None, None, 0, 0);
        self.known.clear();
        is_new
    }

    /// The fields that are mended in a unit: one of each group, another one in the next unit. So no run ends in the rows by
    /// a cause that is found, and a field of it that is also a cause of its own, or with others, is still one in some units.
    fn mended_in(&self, unit: u64) -> Settings {
        let mut mended = Settings::new();
        for group in &self.mended {
            let place = unit % group.len() as u64;
            let field = &group[usize::try_from(place).expect("it is below a length")];
            if !mended.contains(field) {
                mended.push(field.clone());
            }
        }
        mended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Explanation;

    fn explanation(field: &str) -> Explanation {
        Explanation { field: field.to_owned(), alternative: "", about: "" }
    }

    /// Of a cause that needs several fields one is mended in turn, so that each may still be found as a cause of its own. Of
    /// fields that have the same effect all are mended.
    #[test]
    fn one_field_of_a_cause_is_mended_in_turn() {
        let release = Release::V0_19_0;
        let names = |progress: &Progress, unit| -> Vec<String> {
            progress.mended_in(unit).into_iter().map(|(name, _)| name).collect()
        };
        let mut progress = Progress::default();
        assert!(progress.mend(&Cause::Clear(vec![explanation("grace.timers")]), release));
        assert!(!progress.mend(&Cause::Clear(vec![explanation("grace.timers")]), release), "it is mended already");
        let two = vec![explanation("claim.row"), explanation("startup.sweep")];
        assert!(progress.mend(&Cause::Needed(two.clone()), release));
        assert_eq!(names(&progress, 0), ["grace.timers", "claim.row"]);
        assert_eq!(names(&progress, 1), ["grace.timers", "startup.sweep"]);
        assert_eq!(names(&progress, 2), names(&progress, 0));
        let mut progress = Progress::default();
        assert!(progress.mend(&Cause::Several(two), release));
        assert_eq!(names(&progress, 7), ["claim.row", "startup.sweep"]);
        assert!(!progress.mend(&Cause::Sound, release), "nothing could be mended");
    }
}
