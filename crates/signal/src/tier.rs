//! Who answered: a rung of the ladder, and a model by its number.

use serde::Serialize;

/// A rung of the ladder that is tried from the top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Tier {
    /// The model that is wanted.
    #[default]
    Primary = 0,
    /// A model that answers when the primary does not.
    Fallback = 1,
    /// A threshold on one feature, which always answers.
    Rule = 2,
}

impl Tier {
    /// From the top.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Fallback, Self::Rule];

    /// The word outputs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Fallback => "fallback",
            Self::Rule => "rule",
        }
    }
}

/// A model's number in one run: 0 is the primary it started with, 1 the fallback, 2 the rule, and
/// each one swapped in gets the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u16);

impl ModelId {
    /// That of what stood on this rung when the run started.
    pub const fn first_of(tier: Tier) -> Self {
        Self(tier as u16)
    }
}
