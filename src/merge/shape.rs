//! What a body must keep to be taken whole, series by series: bounds that a glance at two columns can check.

/// What must hold between a series' newest value and others for a body to be taken whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape(u8);

impl Shape {
    /// Any value will do.
    pub const FREE: Self = Self(0);
    /// A total: finite, not negative, never falling.
    pub const TOTAL: Self = Self(1);
    /// A bucket or count whose place says nothing: its child must be looked at on its own.
    pub const ODD: Self = Self(2);
    const AT_LEAST: u8 = 4;
    const EQUAL: u8 = 8;
    const FLAGS: u32 = 4;

    /// A total that is at least the value `back` places before.
    pub fn at_least(back: u32) -> Self {
        Self::relative(Self::AT_LEAST, back)
    }

    /// A total that equals the value `back` places before.
    pub fn equal(back: u32) -> Self {
        Self::relative(Self::EQUAL, back)
    }

    fn relative(flag: u8, back: u32) -> Self {
        match u8::try_from(back) {
            Ok(back @ 1..16) => Self(Self::TOTAL.0 | flag | (back << Self::FLAGS)),
            _ => Self::ODD,
        }
    }

    /// Whether `new[at]` may follow `last` (both present). `new` are the body's values.
    #[inline]
    pub fn allows(self, new: &[f64], at: usize, last: f64) -> bool {
        let value = new[at];
        if self.0 == 0 {
            return true;
        }
        if self.0 == Self::TOTAL.0 {
            return value >= last && value < f64::INFINITY;
        }
        if self.0 & Self::ODD.0 != 0 {
            return false;
        }
        let Some(other) = at.checked_sub(usize::from(self.0 >> Self::FLAGS)).map(|i| new[i]) else { return false };
        let related = if self.0 & Self::EQUAL != 0 { value == other } else { value >= other };
        related && value >= last && value < f64::INFINITY
    }
}
