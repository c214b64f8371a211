//! The drawing of a coverage graph. States of open sessions stand in a grid: what holds the session across, its client down.

use sim_harness::coverage::{Client, Coverage, Life, Phase};

/// The width and the height of a box, and the room between two.
const BOX: (i32, i32) = (104, 34);
const GAP: (i32, i32) = (46, 150);
const MARGIN: (i32, i32) = (24, 76);
/// How far the middle of an arrow's curve is pulled aside at most; the curve itself goes half as far.
const BEND_MAX: i32 = 140;

/// The phases, in the order of a turn.
const PHASES: [Phase; 6] =
    [Phase::Idle, Phase::Building, Phase::Working, Phase::Asking, Phase::Stopping, Phase::Rotating];

/// A drawing of boxes and arrows.
pub(crate) struct Drawing {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) boxes: Vec<Place>,
    pub(crate) arrows: Vec<Arrow>,
}

/// A state, and the top left corner of its box.
pub(crate) struct Place {
    pub(crate) name: String,
    /// The name in one or two lines, each with the height of its letters' foot.
    pub(crate) lines: Vec<(i32, String)>,
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// A transition: who made it, how often, and the path of its arrow.
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) by: String,
    pub(crate) count: u64,
    pub(crate) path: String,
    /// The width of the line in tenths of a pixel: wider for more.
    pub(crate) width: String,
}

/// Places the states that were reached, and draws the transitions between them.
pub(crate) fn draw(coverage: &Coverage) -> Drawing {
    let arrows = coverage.arrows();
    let mut names: Vec<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    names.sort_unstable();
    names.dedup();
    let boxes: Vec<Place> = names.into_iter().map(|name| place(name)).collect();
    let drawn = arrows.iter().map(|((from, to), tasks)| {
        let count = tasks.values().sum();
        let by: Vec<&str> = tasks.keys().copied().collect();
        let of = |name: &str| boxes.iter().find(|place| place.name == *name).expect("every state has a box");
        let width = 8 + 3 * i32::try_from(u64::ilog2(count + 1)).unwrap_or(0);
        Arrow {
            from: from.clone(),
            to: to.clone(),
            by: by.join(", "),
            count,
            path: path(of(from), of(to)),
            width: format!("{}.{}", width / 10, width % 10),
        }
    });
    let arrows = drawn.collect();
    let right = boxes.iter().map(|place| place.x + BOX.0).max().unwrap_or(0);
    let bottom = boxes.iter().map(|place| place.y + BOX.1).max().unwrap_or(0);
    Drawing { width: right + MARGIN.0, height: bottom + MARGIN.1, boxes, arrows }
}

fn place(name: &str) -> Place {
    let open = |client: Client| {
        let phase = name.strip_prefix(client.word())?.trim_start();
        Some(1 + PHASES.iter().position(|known| known.word() == phase)?)
    };
    let last = PHASES.len() + 1;
    let (column, line) = match (open(Client::Attached), open(Client::Detached)) {
        (Some(column), _) => (column, 0),
        (None, Some(column)) => (column, 1),
        _ if name == Life::Opening.word() => (0, 1),
        _ if name == Life::Closing.word() => (last, 0),
        _ if name == Life::Finalized.word() => (last, 1),
        _ => (0, 0),
    };
    let at = |place: usize, size: i32, gap: i32| i32::try_from(place).unwrap_or(0) * (size + gap);
    let (x, y) = (MARGIN.0 + at(column, BOX.0, GAP.0), MARGIN.1 + at(line, BOX.1, GAP.1));
    let words: Vec<&str> = name.split(' ').collect();
    let first = if words.len() == 1 { 22 } else { 15 };
    let lines = (0..).zip(words).map(|(line, word)| (y + first + 14 * line, word.to_owned())).collect();
    Place { name: name.to_owned(), lines, x, y }
}

/// From the middle of one box to the middle of the other, bent to the left of its direction, so that two opposite arrows stand
/// apart. It ends at the edge of the box.
fn path(from: &Place, to: &Place) -> String {
    let middle = |place: &Place| (place.x + BOX.0 / 2, place.y + BOX.1 / 2);
    let (start, end) = (middle(from), middle(to));
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    // Arrows between neighbours are nearly straight; longer ones make room for the boxes between.
    let bend = if dy == 0 { (dx.abs() / 4 + 8).min(BEND_MAX) } else { 14 };
    let length = (dx.abs().max(dy.abs())).max(1);
    let bent = ((start.0 + end.0) / 2 + dy * bend / length, (start.1 + end.1) / 2 - dx * bend / length);
    let edge = |at: (i32, i32)| {
        let (x, y) = (bent.0 - at.0, bent.1 - at.1);
        let (half_x, half_y) = (BOX.0 / 2 + 3, BOX.1 / 2 + 3);
        // Where the line to the bend leaves the box: by its side, or by its top or bottom.
        if x.abs() * half_y > y.abs() * half_x {
            (at.0 + half_x * x.signum(), at.1 + y * half_x / x.abs().max(1))
        } else {
            (at.0 + x * half_y / y.abs().max(1), at.1 + half_y * y.signum())
        }
    };
    let (start, end) = (edge(start), edge(end));
    format!("M{} {}Q{} {} {} {}", start.0, start.1, bent.0, bent.1, end.0, end.1)
}
