//! What a body must keep to be taken whole, and how a series' total follows from its sum: series by series, so that columns are gone
//! through without a look at children.

use super::column::is_absent;

/// What must hold between a series' newest value and others for a body to be taken whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape(u8);

impl Shape {
    /// Any value will do.
    pub const FREE: Self = Self(0);
    /// A total: finite, not negative, never falling.
    pub const TOTAL: Self = Self(1);
    /// A bucket or count whose place says nothing: its child must be looked at on its own.
    pub const ODD: Self = Self(Self::APART);
    /// It hangs on a value that is not the one before it, by so many places as the highest bits say; none: nobody knows on which.
    const APART: u8 = 2;
    /// At least the value before it.
    const AT_LEAST: u8 = 4;
    /// Equal to the value before it.
    const EQUAL: u8 = 8;
    /// For [`APART`](Self::APART): equal to the value it hangs on.
    const EQUAL_APART: u8 = 16;
    const FLAGS: u32 = 5;

    /// A total that is at least the value `back` places before.
    pub fn at_least(back: u32) -> Self {
        Self::relative(back, Self::AT_LEAST, 0)
    }

    /// A total that equals the value `back` places before.
    pub fn equal(back: u32) -> Self {
        Self::relative(back, Self::EQUAL, Self::EQUAL_APART)
    }

    fn relative(back: u32, near: u8, apart: u8) -> Self {
        match u8::try_from(back) {
            Ok(1) => Self(Self::TOTAL.0 | near),
            Ok(back @ 2..8) => Self(Self::TOTAL.0 | Self::APART | apart | (back << Self::FLAGS)),
            _ => Self::ODD,
        }
    }

    #[inline]
    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// Whether `value` may follow `last`, `below` being the value one place before. Without branches: shapes alternate in ways that no
    /// processor predicts.
    #[inline]
    fn allows(self, value: f64, last: f64, below: f64) -> bool {
        let (gone, was_gone) = (is_absent(value), is_absent(last));
        // Comparisons with ABSENT, a NaN, are false.
        let grows = (value >= last) & (value < f64::INFINITY);
        let related = ((value >= below) | !self.has(Self::AT_LEAST)) & ((value == below) | !self.has(Self::EQUAL));
        (gone == was_gone) & (gone | !self.has(Self::TOTAL.0) | (grows & related))
    }

    /// The same for what hangs on a value further away.
    fn allows_apart(self, new: &[f64], at: usize) -> bool {
        let value = new[at];
        let related = |other: f64| value >= other && (value == other || !self.has(Self::EQUAL_APART));
        let back = usize::from(self.0 >> Self::FLAGS);
        is_absent(value) || (back > 0 && at.checked_sub(back).is_some_and(|other| related(new[other])))
    }
}

/// Whether a body with the values `new` may be taken whole where the values before were `last`.
pub(super) fn all_allow(shapes: &[Shape], new: &[f64], last: &[f64]) -> bool {
    // All the same, so that the loop knows it.
    let columns = shapes.len();
    let (Some(new), Some(last)) = (new.get(..columns), last.get(..columns)) else { return false };
    let ([shape, shapes_behind @ ..], [first, new_behind @ ..], [first_last, last_behind @ ..]) = (shapes, new, last) else {
        return true;
    };
    let mut allowed = shape.allows(*first, *first_last, f64::NAN);
    for (((shape, value), last), below) in shapes_behind.iter().zip(new_behind).zip(last_behind).zip(new) {
        allowed &= shape.allows(*value, *last, *below);
    }
    let any_apart = shapes.iter().fold(0, |flags, shape| flags | shape.0) & Shape::APART != 0;
    let mut apart = shapes.iter().enumerate().filter(|(_, shape)| shape.has(Shape::APART));
    allowed && (!any_apart || apart.all(|(at, shape)| shape.allows_apart(new, at)))
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

#[cfg(test)]
mod tests {
    use super::super::column::ABSENT;
    use super::*;
    use proptest::prelude::*;

    /// What a series hangs on.
    #[derive(Debug, Clone, Copy)]
    enum Rule {
        Free,
        Total,
        Odd,
        AtLeast(usize),
        Equal(usize),
    }

    impl Rule {
        fn shape(self) -> Shape {
            match self {
                Self::Free => Shape::FREE,
                Self::Total => Shape::TOTAL,
                Self::Odd => Shape::ODD,
                Self::AtLeast(back) => Shape::at_least(back as u32),
                Self::Equal(back) => Shape::equal(back as u32),
            }
        }

        /// The rule in plain words.
        fn allows(self, at: usize, new: &[f64], last: &[f64]) -> bool {
            let (value, last) = (new[at], last[at]);
            let grows = value >= last && value < f64::INFINITY;
            let is_kept = match self {
                Self::Free => true,
                Self::Total => grows,
                Self::Odd => false,
                Self::AtLeast(back) => grows && back > 0 && value >= new[at - back],
                Self::Equal(back) => grows && back > 0 && value == new[at - back],
            };
            is_absent(value) == is_absent(last) && (is_absent(value) || is_kept)
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![6 => Just(1.0), 3 => Just(2.0), 2 => Just(ABSENT), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0)]
    }

    fn rule(at: usize) -> impl Strategy<Value = Rule> {
        let back = 0..=at.min(7);
        prop_oneof![
            2 => Just(Rule::Free),
            2 => Just(Rule::Total),
            1 => Just(Rule::Odd),
            6 => back.clone().prop_map(Rule::AtLeast),
            3 => back.prop_map(Rule::Equal),
        ]
    }

    fn columns() -> impl Strategy<Value = (Vec<Rule>, Vec<f64>, Vec<f64>)> {
        (0usize..6).prop_flat_map(|n| {
            let rules: Vec<_> = (0..n).map(rule).collect();
            (rules, prop::collection::vec(value(), n), prop::collection::vec(value(), n))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn columns_are_judged_as_each_series_on_its_own((rules, new, last) in columns()) {
            let shapes: Vec<Shape> = rules.iter().map(|rule| rule.shape()).collect();
            let each = rules.iter().enumerate().all(|(at, rule)| rule.allows(at, &new, &last));
            prop_assert_eq!(all_allow(&shapes, &new, &last), each);
        }
    }

    #[test]
    fn what_is_too_far_is_odd() {
        assert_eq!((Shape::at_least(8), Shape::equal(0), Shape::at_least(300)), (Shape::ODD, Shape::ODD, Shape::ODD));
    }
}
