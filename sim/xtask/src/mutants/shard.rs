//! A part of the mutants, `K/N`.

/// Every `of`-th mutant, from number `part`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) part: u64,
    pub(super) of: u64,
}

impl Shard {
    pub(super) const ALL: Self = Self { part: 0, of: 1 };
}

/// Reads `K/N`.
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parsed {
        Some((part, of)) if part < of && of <= 100_000 => Ok(Shard { part, of }),
        _ => Err("a part is K/N with K from 0 to N - 1 and N at most 100000, for example 0/10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shard, shard};

    /// Bad parts are refused with the form of a good one.
    #[test]
    fn parts_are_read_from_text() {
        assert_eq!(shard("3/4"), Ok(Shard { part: 3, of: 4 }));
        for bad in ["4/4", "1", "a/b", "-1/4", "0/0", "0/100001", ""] {
            assert!(shard(bad).is_err_and(|error| error.contains("K/N")), "{bad}");
        }
    }
}
