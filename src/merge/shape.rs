//! What a body must keep to be taken whole, and how a series' total follows from its sum: series by series, so that columns are gone
//! through without a look at children.

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

    /// Whether `new[at]` may follow `last` (both present). `new` are the body's values. Without branches: shapes alternate in ways that
    /// no processor predicts.
    #[inline]
    pub fn allows(self, new: &[f64], at: usize, last: f64) -> bool {
        let value = new[at];
        // A series that hangs on no other is compared with itself.
        let back = usize::from(self.0 >> Self::FLAGS);
        let other = new.get(at.wrapping_sub(back)).copied().unwrap_or(f64::NAN);
        let grows = (value >= last) & (value < f64::INFINITY);
        let related = (value >= other) & ((value == other) | (self.0 & Self::EQUAL == 0));
        (self.0 == Self::FREE.0) | (grows & related & (self.0 & Self::ODD.0 == 0))
    }
}

/// How a series comes into the output, given the sum over all instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Total(u8);

impl Total {
    /// Not at all, or with its child as a whole.
    pub const APART: Self = Self(0);
    /// Never below what was served.
    pub const HELD: Self = Self(1);
    /// As it is: a sum of observations may fall.
    pub const PLAIN: Self = Self(2);

    /// Never below what was served, nor below the total `back` places before; `None` if that is too far.
    pub fn above(back: u32) -> Option<Self> {
        u8::try_from(back).ok().filter(|back| *back > 0)?.checked_add(Self::PLAIN.0).map(Self)
    }

    /// For [`above`](Self::above): how far.
    pub fn back(self) -> Option<usize> {
        self.0.checked_sub(Self::PLAIN.0).filter(|back| *back > 0).map(usize::from)
    }
}
