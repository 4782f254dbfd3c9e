use super::chart::{Chart, Point};
use super::worker::REQUESTS;
use super::{Demo, LISTEN, http};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Time between two scrapes; the demo plays the part of Prometheus.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);
/// Lets the scrapes fall between two steps of the load (which come every 0.2 s), so that what is compared is of one moment.
const SCRAPE_OFFSET: Duration = Duration::from_millis(100);
/// Every how many scrapes a line is printed.
const SCRAPES_PER_LINE: u32 = 2;

/// Prints where to look, then goes on comparing: the true total, the merged one served at `http://proxy/path`, and the naive sum of
/// the live workers, read from their own ports. Ends only with an error.
///
/// # Errors
/// Writing to `out` failed, or there is no free port on loopback.
pub async fn watch(demo: &Demo, proxy: SocketAddr, path: &str, out: &mut dyn Write) -> io::Result<()> {
    let chart = Chart::start().await?;
    introduce(demo, (proxy, chart.address), path, out)?;
    let (began, proxy) = (Instant::now(), proxy.to_string());
    let mut clock = interval_at(began + SCRAPE_OFFSET, SCRAPE_INTERVAL);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut naive, mut merged) = (Series::default(), Series::default());
    let (mut fell, mut scrapes) = (false, 0);
    loop {
        clock.tick().await;
        let truth = demo.truth();
        let (served, summed) = tokio::join!(scrape(&proxy, path), sum_of_workers(demo));
        merged.see(served);
        fell |= naive.see(Some(summed));
        chart.add(Point { merged: served, plain: summed, truth: truth as f64, plain_increase: naive.increase });
        if scrapes % SCRAPES_PER_LINE == 0 {
            let line = row(
                &format!("{:.0} s", began.elapsed().as_secs_f64()),
                &truth.to_string(),
                &shown(merged.last),
                &shown(naive.last),
                &shown(naive.last.map(|_| naive.increase)),
            );
            writeln!(out, "{line}{}", if fell { "  <- a worker was recycled: the sum fell" } else { "" })?;
            out.flush()?;
            fell = false;
        }
        scrapes += 1;
    }
}

fn introduce(demo: &Demo, (proxy, chart): (SocketAddr, SocketAddr), path: &str, out: &mut dyn Write) -> io::Result<()> {
    if proxy != LISTEN {
        writeln!(out, "{LISTEN} is taken; listening on {proxy} instead.\n")?;
    }
    let one = demo.ports.first().map_or("", String::as_str);
    writeln!(
        out,
        "A simulated pod is running: {} workers on {}, one of them recycled every few seconds,\n\
         a uWSGI stats server on {} and an nginx status page on {}.\n\n\
         The merged exposition      http://{proxy}{path}\n\
         One worker on its own      http://{one}/metrics\n\
         Every worker apart         http://{proxy}{path}?merge=none\n\
         The status page            http://{proxy}/\n\
         Merged and plain, drawn    http://{chart}/\n\n\
         Try                        curl -s http://{proxy}{path} | grep {REQUESTS}\n\
         The same from outside      onescrape check --workers {} --uwsgi {} --nginx {}\n\n\
         {REQUESTS}_total, scraped every second.\n\
         naive sum: the live workers' counters added up. its increase(): what Prometheus makes of that since the start, as it takes\n\
         every fall for a restart from zero. merged can lag by what a worker counted between its last scrape and its end: no scraper\n\
         ever sees that.\n",
        demo.expect, demo.workers, demo.uwsgi, demo.nginx, demo.workers, demo.uwsgi, demo.nginx
    )?;
    writeln!(out, "{}", row("time", "true total", "merged", "naive sum", "its increase()"))?;
    out.flush()
}

fn row(time: &str, truth: &str, merged: &str, naive: &str, increase: &str) -> String {
    format!("{time:>6}  {truth:>10}  {merged:>10}  {naive:>10}  {increase:>14}")
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |v| format!("{v:.0}"))
}

/// A counter as a scraper sees it.
#[derive(Debug, Default, PartialEq)]
struct Series {
    last: Option<f64>,
    /// Prometheus' raw increase since zero: a fall is a restart, so the whole new value is growth.
    increase: f64,
}

impl Series {
    /// Takes the next value; a missed scrape leaves the last one standing. Whether it fell.
    fn see(&mut self, value: Option<f64>) -> bool {
        let Some(value) = value else { return false };
        let before = self.last.unwrap_or(0.0);
        let fell = value < before;
        self.increase += if fell { value } else { value - before };
        self.last = Some(value);
        fell
    }
}

async fn sum_of_workers(demo: &Demo) -> f64 {
    let mut sum = 0.0;
    for port in &demo.ports {
        sum += scrape(port, "/metrics").await.unwrap_or(0.0);
    }
    sum
}

async fn scrape(address: &str, path: &str) -> Option<f64> {
    total(&http::get(address, path).await.ok()?)
}

/// The sum of the compared counter's samples in a text exposition; `None` without any.
fn total(body: &str) -> Option<f64> {
    let name = format!("{REQUESTS}_total");
    let values = body.lines().filter(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_increase_takes_a_fall_for_a_restart() {
        let mut naive = Series::default();
        let fell: Vec<bool> = [Some(1500.0), Some(1520.0), None, Some(525.0), Some(545.0)].map(|v| naive.see(v)).into();
        assert_eq!(fell, [false, false, false, true, false]);
        assert_eq!(naive, Series { last: Some(545.0), increase: 1520.0 + 525.0 + 20.0 });
    }

    #[test]
    fn totals_are_of_that_family_only() {
        let body = "# TYPE django_http_requests_before_middlewares_total counter\n\
                    django_http_requests_before_middlewares_total{worker=\"a b\"} 2\n\
                    django_http_requests_before_middlewares_total 3.0\n\
                    django_http_requests_before_middlewares_total_x 50\n";
        assert_eq!(total(body), Some(5.0));
        assert_eq!(total("x 1\n"), None);
    }
}
