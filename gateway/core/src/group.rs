//! Groups of behaviour fields: what a release does differently in one respect.
//!
//! A group is declared with [`group!`] in the file of decisions that reads it. Its fields are private there, so the
//! compiler enforces one reader. A decision that depends on nothing else returns the alternative in force, which says what
//! to do. The first alternative of a field is its default.

/// One thing that releases do differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `group.field`, as scenario files and flags write it.
    pub name: String,
    /// The decision that the field controls, in a sentence.
    pub about: &'static str,
    /// The first is the default.
    pub alternatives: &'static [Alternative],
    /// The one in force.
    pub value: &'static str,
}

/// One way to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The name in scenario files and flags.
    pub name: &'static str,
    /// What it does, with the defect it is.
    pub about: &'static str,
    /// Why it is no defect on `current`, where it is none: what a campaign need not find.
    pub harmless: Option<&'static str>,
}

/// A group of fields, made by the `group!` macro.
pub(crate) trait Group {
    /// The name of the group, the part before the dot.
    const NAME: &'static str;

    /// Its fields with their present values.
    fn fields(&self) -> Vec<Field>;

    /// Sets a field; `None` when there is no such field or alternative.
    fn set(&mut self, field: &str, alternative: &str) -> Option<()>;
}

/// Declares a group: its struct with private fields, and an enum of alternatives for each field, the first the default.
/// One that is another way and no defect says after `harmless` why.
macro_rules! group {
    (
        $(#[doc = $about:literal])+
        $group:ident $name:literal {
            $(
                $(#[doc = $field_about:literal])+
                $field:ident: $kind:ident {
                    $( $(#[doc = $alternative_about:literal])+ $alternative:ident $text:literal $(harmless $why:literal)?, )+
                }
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $group { $( $field: $kind, )+ }

        $(
            $(#[doc = $field_about])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $kind { $( $(#[doc = $alternative_about])+ $alternative, )+ }

            impl $kind {
                const ALL: &'static [Self] = &[ $( Self::$alternative, )+ ];
                const ALTERNATIVES: &'static [$crate::group::Alternative] = &[ $(
                    $crate::group::Alternative {
                        name: $text,
                        about: concat!($($alternative_about),+).trim_ascii(),
                        harmless: $crate::group::first(&[$($why)?]),
                    },
                )+ ];
            }

            impl Default for $kind {
                fn default() -> Self {
                    Self::ALL[0]
                }
            }
        )+

        impl $crate::group::Group for $group {
            const NAME: &'static str = $name;

            fn fields(&self) -> Vec<$crate::group::Field> {
                vec![ $( $crate::group::Field {
                    name: format!("{}.{}", $name, stringify!($field)),
                    about: concat!($($field_about),+).trim_ascii(),
                    alternatives: $kind::ALTERNATIVES,
                    value: $kind::ALTERNATIVES[self.$field as usize].name,
                }, )+ ]
            }

            fn set(&mut self, field: &str, alternative: &str) -> Option<()> {
                $( if field == stringify!($field) {
                    let place = $kind::ALTERNATIVES.iter().position(|known| known.name == alternative)?;
                    self.$field = $kind::ALL[place];
                    return Some(());
                } )+
                None
            }
        }
    };
}
pub(crate) use group;

/// The reason, where a declaration has one.
pub(crate) const fn first(reasons: &[&'static str]) -> Option<&'static str> {
    if let [reason, ..] = reasons { Some(reason) } else { None }
}
