//! Every finding there is, by the name that programs know it by.

/// Makes the enum and its names from one list, so that none is forgotten in the other.
macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What a finding is about: one section each in `docs/troubleshooting.md`. Names are stable; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])+ $variant,)+
        }

        impl Code {
            /// Every finding there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    // Nothing came from a target.
    /// Nothing listens on a target's port, or on any port of a range.
    NothingListens = "nothing_listens",
    /// The same on loopback, from within a container or WSL2, whose loopback is its own.
    OwnLoopback = "own_loopback",
    /// A name that nobody knows.
    UnknownName = "unknown_name",
    /// No connection for another reason.
    NoConnection = "no_connection",
    /// A port that accepts and does not answer.
    NoAnswer = "no_answer",
    /// Django's ALLOWED_HOSTS refuses the Host header.
    AllowedHosts = "allowed_hosts",
    /// The path wants a slash at its end.
    TrailingSlash = "trailing_slash",
    /// Another redirect.
    Redirect = "redirect",
    /// A redirect to a login, or a page with one.
    LoginPage = "login_page",
    /// Status 401.
    Unauthorized = "unauthorized",
    /// Status 403.
    Forbidden = "forbidden",
    /// Status 404.
    NotFound = "not_found",
    /// Any other status than 200.
    BadStatus = "bad_status",
    /// A web page in place of metrics.
    WebPage = "web_page",
    /// The answer of another kind of source.
    WrongKind = "wrong_kind",
    /// An answer that nobody can read.
    Unreadable = "unreadable",
    /// An answer that ended early.
    CutShort = "cut_short",
    /// An answer beyond the limit.
    TooLarge = "too_large",
    /// Another limit was hit.
    OverLimit = "over_limit",
    /// A certificate of another name.
    TlsName = "tls_name",
    /// A certificate whose time is over, or has not begun.
    TlsExpired = "tls_expired",
    /// A certificate that nobody known here has signed.
    TlsUntrusted = "tls_untrusted",
    /// TLS on one side only.
    TlsMismatch = "tls_mismatch",
    /// No secure connection for another reason.
    Tls = "tls",
    /// Our own credentials can't be read.
    Credentials = "credentials",
    // A pool whose ports answer.
    /// Fewer workers than expected.
    TooFew = "too_few",
    /// More workers than expected.
    TooMany = "too_many",
    /// gunicorn's command line sets another number of workers than WEB_CONCURRENCY.
    WorkersOverridden = "workers_overridden",
    /// How many workers there should be is not known.
    NoExpect = "no_expect",
    /// A range without room for a reload.
    NarrowRange = "narrow_range",
    /// uWSGI runs more workers than export.
    FewerThanUwsgi = "fewer_than_uwsgi",
    /// One endpoint, several processes in turn.
    SharedEndpoint = "shared_endpoint",
    /// One port of a range, bound by several processes (`SO_REUSEPORT`).
    SharedPort = "shared_port",
    /// A process without metrics of requests, in a range where the others have them.
    NotAWebWorker = "not_a_web_worker",
    /// A process that has seen no request while others, younger ones too, have seen many.
    IdleProcess = "idle_process",
    /// No process of the pool has metrics of requests.
    NoRequestMetrics = "no_request_metrics",
    /// The only process of a range has seen no request.
    NoRequests = "no_requests",
    /// A process that does not tell when it started.
    NoStartTime = "no_start_time",
    // What the workers' series are like.
    /// Workers disagree about the type of a family.
    TypeConflict = "type_conflict",
    /// Workers disagree about the buckets of a histogram.
    BucketsDiffer = "buckets_differ",
    /// Gauges that no rule names.
    GaugesWithoutRule = "gauges_without_rule",
    /// A family that one label makes large.
    WideFamily = "wide_family",
    // Directories of multiprocess files.
    /// A directory without files.
    NoFiles = "no_files",
    /// Files that can't be used.
    BadFiles = "bad_files",
    /// All files are of ended processes.
    NoLiveProcess = "no_live_process",
    /// Which processes run can't be seen.
    LivenessUnknown = "liveness_unknown",
    /// Very many files of ended processes.
    ManyFiles = "many_files",
    // The rest.
    /// The clock of a target differs.
    ClockDiffers = "clock_differs",
    /// A lookup of targets failed.
    Discovery = "discovery",
    /// A lookup found nothing.
    NoTargets = "no_targets",
    /// Totals fall when the proxy is restarted.
    NoStateFile = "no_state_file",
}
