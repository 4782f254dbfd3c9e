//! Small drawings as SVG, told in words too.

use crate::round::SCRAPES_REMEMBERED;
use std::collections::VecDeque;
use std::fmt::Write;

/// Height of the drawing, in units of which one is the step from one scrape to the next.
const HEIGHT: f32 = 20.0;

/// How long the latest scrapes took, the newest at the right; failed ones are marked at the foot.
pub(super) fn durations(recent: &VecDeque<(f32, bool)>) -> String {
    if recent.is_empty() {
        return String::new();
    }
    let longest = recent.iter().map(|(seconds, _)| *seconds).fold(0.0, f32::max);
    let failures = recent.iter().filter(|(_, failed)| *failed).count();
    let first = SCRAPES_REMEMBERED.saturating_sub(recent.len());
    let (mut line, mut marks) = (String::new(), String::new());
    for (x, (seconds, failed)) in (first..).zip(recent) {
        let y = HEIGHT - 2.0 - if longest > 0.0 { seconds / longest * (HEIGHT - 4.0) } else { 0.0 };
        // Writing to a String can't fail.
        let _ = write!(line, "{x},{y:.1} ");
        if *failed {
            let _ = write!(marks, "<rect x=\"{x}\" y=\"{}\" width=\"1\" height=\"4\"/>", HEIGHT - 4.0);
        }
    }
    format!(
        "<svg class=\"spark\" role=\"img\" viewBox=\"0 0 {SCRAPES_REMEMBERED} {HEIGHT}\" preserveAspectRatio=\"none\" \
         aria-label=\"last {} scrapes: at most {:.0} ms, {failures} failed\"><polyline points=\"{line}\"/>{marks}</svg>",
        recent.len(),
        longest * 1000.0,
    )
}
