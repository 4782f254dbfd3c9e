use super::Missed;
use crate::source::Endpoints;

/// The likely cause of a missed scrape and what to do, in one line.
pub fn hint(missed: &Missed, endpoints: Endpoints) -> &'static str {
    let workers = endpoints == Endpoints::Workers;
    match missed {
        Missed::Refused if workers => "no worker has this port now; normal where the range is wider than the number of workers",
        Missed::Refused => "is it running, and does it listen on this address and port?",
        Missed::Connect(why) if why.contains("(DNS)") => "check the host's name; in a pod the other containers are 127.0.0.1",
        Missed::Connect(why) if why.contains("no socket file") || why.contains("no file") => {
            "check the path, and that both containers mount the same volume"
        }
        Missed::Connect(why) if why.contains("ermission denied") => {
            "the user of this process may not open it; check owner and mode"
        }
        Missed::Connect(_) => "check the address and the network between the two",
        Missed::Timeout { .. } if workers => {
            "the worker accepts but does not answer: busy without letting go of the GIL, stopped, or a child process holds its port"
        }
        Missed::Timeout { .. } => "it is slower than the time limit (scrape_timeout), or hangs",
        Missed::Status { code: 301 | 302 | 303 | 307 | 308, .. } => {
            "redirects are not followed: write the path as the target wants it (a slash at its end?)"
        }
        Missed::Status { code: 400, .. } => "Django's ALLOWED_HOSTS? then set http_headers: {Host: a name it allows}",
        Missed::Status { code: 401 | 403, .. } => "it wants to know who asks, or allows only other addresses",
        Missed::Status { code: 404, .. } => "check metrics_path",
        Missed::Status { code: 508, .. } => "this target leads back to onescrape itself",
        Missed::Status { code: 500..=599, .. } => "see the target's own log",
        Missed::Status { .. } => "only status 200 counts",
        Missed::Parse(why) if why.contains("Content-Encoding") => "switch compression off for this path",
        Missed::Parse(_) => "does this address serve metrics, and of this kind?",
        Missed::Truncated(_) => "the target ended while it answered; passes by itself where workers are recycled",
        Missed::TooLarge { .. } => "raise limits.body_bytes_max, or expose less",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_setting_that_helps() {
        let status = |code| Missed::Status { code, detail: None };
        for (missed, want) in [
            (status(301), "slash"),
            (status(400), "ALLOWED_HOSTS"),
            (status(404), "metrics_path"),
            (Missed::TooLarge { limit: 1 }, "body_bytes_max"),
            (Missed::Connect("cannot resolve \"x\" (DNS): no".into()), "127.0.0.1"),
        ] {
            assert!(hint(&missed, Endpoints::Targets).contains(want), "{missed}");
        }
        assert_ne!(hint(&Missed::Refused, Endpoints::Workers), hint(&Missed::Refused, Endpoints::Targets));
    }
}
