//! The merged counter and the plain sum as a drawing: a page of the demo's own, which needs no scripts.

use super::{Task, http};
use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Points that are drawn: the last five minutes.
const POINTS: usize = 300;
/// Size of the drawing, in its own units, and room for the numbers at its left.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 60.0;
/// Seconds after which a browser asks again.
const REFRESH_SECONDS: u32 = 2;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
    svg{width:100%;height:auto}polyline{fill:none;stroke-width:2.5}.merged{stroke:#2f81f7}.plain{stroke:#d1242f;stroke-dasharray:6 3}\
    text{font:13px system-ui;fill:currentColor}line{stroke:#8886}";

/// One look at both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// What onescrape serves; `None` if it was missed.
    pub(super) merged: Option<f64>,
    /// The living workers' counters added up.
    pub(super) plain: f64,
    /// Every request handled so far.
    pub(super) truth: f64,
    /// What a server makes of the plain sum since the start.
    pub(super) plain_increase: f64,
}

/// The page and where it is.
pub(super) struct Chart {
    points: Arc<Mutex<VecDeque<Point>>>,
    /// Where it is served.
    pub(super) address: SocketAddr,
    _server: Task,
}

impl Chart {
    /// Serves it on a free port of loopback.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let points: Arc<Mutex<VecDeque<Point>>> = Arc::default();
        let shown = points.clone();
        let server = http::serve(listener, move |_| {
            let points: Vec<Point> = shown.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            ("text/html; charset=utf-8", page(&points))
        });
        Ok(Self { points, address, _server: Task::spawn(server) })
    }

    pub(super) fn add(&self, point: Point) {
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        if points.len() == POINTS {
            points.pop_front();
        }
        points.push_back(point);
    }
}

fn page(points: &[Point]) -> String {
    let newest = points.last().map_or_else(String::new, |newest| {
        format!(
            "<p>Requests that really were handled: <b>{:.0}</b>. Merged: <b>{}</b>. increase() of the plain sum, which takes every fall for a \
             restart from zero: <b>{:.0}</b>.</p>",
            newest.truth,
            newest.merged.map_or_else(|| "missed".into(), |value| format!("{value:.0}")),
            newest.plain_increase
        )
    });
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>onescrape demo</title><style>{STYLE}</style>\
         <h1>One worker is recycled every few seconds</h1>{}{newest}</html>\n",
        drawing(points)
    )
}

fn drawing(points: &[Point]) -> String {
    let values = points.iter().flat_map(|point| point.merged.into_iter().chain([point.plain]));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return "<p>Nothing has been scraped yet.</p>".into();
    }
    let span = (high - low).max(1.0);
    let line = |of: &dyn Fn(&Point) -> Option<f64>| {
        let mut line = String::new();
        for (i, value) in points.iter().enumerate().filter_map(|(i, point)| Some((i, of(point)?))) {
            let x = MARGIN + i as f64 / (POINTS - 1) as f64 * (WIDTH - MARGIN);
            // Writing to a String can't fail.
            let _ = write!(line, "{x:.1},{:.1} ", HEIGHT - (value - low) / span * HEIGHT);
        }
        line
    };
    format!(
        "<svg viewBox=\"0 -20 {WIDTH} {}\" role=\"img\" aria-label=\"the merged counter rises, the plain sum falls at every recycling\">\
         <line x1=\"{MARGIN}\" x2=\"{WIDTH}\" y1=\"0\" y2=\"0\"/><line x1=\"{MARGIN}\" x2=\"{WIDTH}\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/>\
         <text x=\"0\" y=\"5\">{high:.0}</text><text x=\"0\" y=\"{HEIGHT}\">{low:.0}</text>\
         <polyline class=\"plain\" points=\"{}\"/><polyline class=\"merged\" points=\"{}\"/>\
         <text x=\"{MARGIN}\" y=\"{}\">whole line: merged by onescrape; dashed: the living workers added up</text></svg>",
        HEIGHT + 60.0,
        line(&|point| Some(point.plain)),
        line(&|point| point.merged),
        HEIGHT + 30.0,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_lines_are_drawn_and_a_missed_scrape_leaves_a_gap_in_one() {
        let chart = Chart::start().await.unwrap();
        assert!(http::get(&chart.address.to_string(), "/").await.unwrap().contains("Nothing has been scraped yet"));
        for (merged, plain) in [(Some(1500.0), 1500.0), (None, 1520.0), (Some(1535.0), 525.0)] {
            chart.add(Point { merged, plain, truth: 1535.0, plain_increase: 2045.0 });
        }
        let page = http::get(&chart.address.to_string(), "/").await.unwrap();
        let points = |class: &str| {
            let line = page.split(&format!("class=\"{class}\" points=\"")).nth(1).unwrap();
            line.split('"').next().unwrap().split_whitespace().count()
        };
        assert_eq!((points("merged"), points("plain")), (2, 3));
        assert!(page.contains("<b>2045</b>") && page.contains(">525</text>"), "{page}");
        (0..2 * POINTS).for_each(|_| chart.add(Point { merged: None, plain: 1.0, truth: 1.0, plain_increase: 1.0 }));
        assert_eq!(chart.points.lock().unwrap().len(), POINTS);
    }
}
