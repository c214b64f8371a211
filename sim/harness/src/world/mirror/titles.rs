//! Numbered titles: `name`, `name #2`, `name #3`.

use gateway_core::store::SessionRow;

/// The title without its number.
pub(super) fn base(title: &str) -> &str {
    numbered(title).map_or(title, |(base, _)| base)
}

/// The next free title after the highest number that `base` has.
pub(super) fn next(rows: &[SessionRow], base: &str) -> String {
    let number = |title: &str| match numbered(title) {
        Some((of, number)) if of == base => Some(number),
        _ => (title == base).then_some(1),
    };
    let highest = rows.iter().filter_map(|row| number(row.title.as_deref()?)).max().unwrap_or(0);
    format!("{base} #{}", highest.max(1) + 1)
}

/// Splits a numbered title: `name #2` is number 2 of `name`.
fn numbered(title: &str) -> Option<(&str, u64)> {
    let (base, number) = title.rsplit_once(" #")?;
    Some((base, u64::from(number.parse::<u32>().ok()?)))
}
