#!/usr/bin/env python3
"""Writes dashboards/*.json. To change a dashboard, change it here and run this; `--check` only says whether the files are as written here.

In expressions @ stands for the labels that the variables of every dashboard select, # for those of whole jobs: what is recorded of a job
has no instance. $__rate_interval is Grafana's.
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).with_name("dashboards")
OF_JOBS = 'namespace=~"$namespace", job=~"$job"'
SELECTED = OF_JOBS + ', instance=~"$instance"'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24  # of Grafana's grid
HEIGHT = {"stat": 4, "timeseries": 8, "table": 8, "row": 1}
WIDTH = {"stat": 4, "timeseries": 8, "table": 8, "row": COLUMNS}


def panel(kind, title, queries, unit="short", about="", **options):
    """queries: an expression, or {legend: expression}. Legends take labels as {{label}}."""
    if isinstance(queries, str):
        queries = {"": queries}
    targets = [
        {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr.replace("@", SELECTED).replace("#", OF_JOBS), "legendFormat": legend or "__auto",
         "instant": kind != "timeseries", "range": kind == "timeseries", **({"format": "table"} if kind == "table" else {})}
        for i, (legend, expr) in enumerate(queries.items())
    ]
    defaults = {"unit": unit, **options}
    if kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never"}
    return {"type": kind, "title": title, "description": about, "datasource": SOURCE, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": []}, "options": {}}


def graph(title, queries, unit="short", about="", **options):
    return panel("timeseries", title, queries, unit, about, **options)


def stat(title, queries, unit="short", about="", bad_below=None, bad_above=None):
    """One number; red on the bad side of a threshold."""
    if bad_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": bad_below}]
    elif bad_above is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": bad_above}]
    else:
        steps = [{"color": "text", "value": None}]
    return panel("stat", title, queries, unit, about, thresholds={"mode": "absolute", "steps": steps})


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def share(title, queries, about=""):
    """A graph of parts of one."""
    return graph(title, queries, "percentunit", about, min=0)


def quantiles(title, histogram, about="", unit="s"):
    return graph(title, {
        f"p{round(100 * q)}": f"histogram_quantile({q}, sum by (le) (rate({histogram}_bucket{{@}}[$__rate_interval])))"
        for q in (0.5, 0.95, 0.99)
    }, unit, about)


def rate(counter, by="", labels=""):
    return f"sum {f'by ({by}) ' if by else ''}(rate({counter}{{@{labels}}}[$__rate_interval]))"


def mean(sum_and_count):
    return f"{rate(sum_and_count + '_sum')} / {rate(sum_and_count + '_count')}"


DJANGO = "django_http_requests_latency_including_middlewares_seconds"
BY_STATUS = "django_http_responses_total_by_status_total"
BY_VIEW = "django_http_requests_latency_seconds_by_view_method"

DASHBOARDS = {
    "django": ("Django", BY_STATUS, [
        row("Requests"),
        stat("Requests/s", rate(BY_STATUS), "reqps"),
        stat("5xx", f"""(sum(rate({BY_STATUS}{{@, status=~"5.."}}[$__rate_interval])) or vector(0)) / {rate(BY_STATUS)}""", "percentunit",
             bad_above=0.01),
        stat("p95", f"histogram_quantile(0.95, sum by (le) (rate({DJANGO}_bucket{{@}}[$__rate_interval])))", "s", bad_above=1),
        stat("Workers up", 'sum(onescrape_slots{@, state="up"})'),
        stat("Memory of the workers", "sum(process_resident_memory_bytes{@})", "bytes", "Pages that workers share count once for each."),
        stat("Migrations unapplied or unknown", "sum(django_migrations_unapplied_total{@}) or vector(0)",
             about="Needs PROMETHEUS_EXPORT_MIGRATIONS.", bad_above=1),
        graph("Requests by method", {"{{method}}": rate("django_http_requests_total_by_method_total", "method")}, "reqps"),
        graph("Responses by status", {"{{status}}": rate(BY_STATUS, "status")}, "reqps"),
        quantiles("Latency, middleware included", DJANGO),
        graph("Busiest views", {"{{view}} {{method}}": f"topk(10, {rate(BY_VIEW + '_count', 'view, method')})"}, "reqps"),
        graph("Slowest views, p95", {
            "{{view}}": f"topk(10, histogram_quantile(0.95, sum by (view, le) (rate({BY_VIEW}_bucket{{@}}[$__rate_interval]))))"}, "s"),
        graph("Time spent in views", {"{{view}}": f"topk(10, {rate(BY_VIEW + '_sum', 'view')})"}, "s",
              "Seconds of workers' time a second: where a faster view pays most."),
        graph("Exceptions by type", {"{{type}}": rate("django_http_exceptions_total_by_type_total", "type")}),
        graph("Exceptions by view", {"{{view}}": rate("django_http_exceptions_total_by_view_total", "view")}),
        graph("Mean size", {"answers": mean("django_http_responses_body_total_bytes"),
                            "requests": mean("django_http_requests_body_total_bytes")}, "bytes"),
        row("Database"),
        graph("Queries", {"{{alias}} ({{vendor}})": rate("django_db_execute_total", "alias, vendor"),
                          "many {{alias}} ({{vendor}})": rate("django_db_execute_many_total", "alias, vendor")}, "ops"),
        quantiles("Time of a query", "django_db_query_duration_seconds"),
        graph("Queries per request", f"{rate('django_db_execute_total')} / {rate(BY_STATUS)}", about="Growth is often a query in a loop."),
        graph("New connections", {"{{alias}}": rate("django_db_new_connections_total", "alias")}, "ops"),
        graph("Errors", {"{{alias}} {{type}}": rate("django_db_errors_total", "alias, type"),
                         "connecting {{alias}}": rate("django_db_new_connection_errors_total", "alias")}),
        row("Cache"),
        graph("Gets", {"{{backend}}": rate("django_cache_get_total", "backend")}, "ops"),
        share("Hits", {"{{backend}}":
                       f"{rate('django_cache_get_hits_total', 'backend')} / {rate('django_cache_get_total', 'backend')}"}),
        graph("Misses and failures", {"misses {{backend}}": rate("django_cache_get_misses_total", "backend"),
                                      "failures {{backend}}": rate("django_cache_get_fail_total", "backend")}, "ops"),
        row("Models"),
        graph("Inserts", {"{{model}}": rate("django_model_inserts_total", "model")}, "ops"),
        graph("Updates", {"{{model}}": rate("django_model_updates_total", "model")}, "ops"),
        graph("Deletes", {"{{model}}": rate("django_model_deletes_total", "model")}, "ops"),
        row("Processes"),
        graph("Processor", {"{{instance}}": rate("process_cpu_seconds_total", "instance")}, about="Cores in use."),
        graph("Memory", {"{{instance}}": "sum by (instance) (process_resident_memory_bytes{@})"}, "bytes"),
        graph("Garbage collections", {"generation {{generation}}": rate("python_gc_collections_total", "generation")}, "ops"),
    ]),
    "uwsgi": ("uWSGI", "uwsgi_up", [
        stat("Servers up", "sum(uwsgi_up{@})"),
        stat("Servers down", "sum(1 - uwsgi_up{@})", bad_above=1),
        stat("Workers", "sum(uwsgi_workers{@})"),
        stat("Busy", "sum(uwsgi_busy_workers{@}) / sum(uwsgi_workers{@})", "percentunit", bad_above=0.9),
        stat("Waiting in the queue", "max(uwsgi_listen_queue_length{@})", about="Blind for unix sockets: 0 there.", bad_above=1),
        stat("Harakiris, last hour", "sum(increase(uwsgi_harakiris_total{@}[1h]))", bad_above=1),
        graph("Requests", {"{{stats_uri}}": rate("uwsgi_requests_total", "stats_uri")}, "reqps"),
        graph("Workers by state", {state: f"sum(uwsgi_{state}_workers{{@}})"
                                   for state in ("busy", "idle", "cheap", "paused", "signalled", "accepting")}),
        graph("Mean time of a request", {"{{stats_uri}}":
                                         f"{rate('uwsgi_running_seconds_total', 'stats_uri')} / {rate('uwsgi_requests_total', 'stats_uri')}"}, "s"),
        share("Utilisation", {"{{stats_uri}}":
                              f"{rate('uwsgi_running_seconds_total', 'stats_uri')} / sum by (stats_uri) (uwsgi_workers{{@}})"},
              "Time in requests of the time there was."),
        graph("Listen queue", {"{{name}}": "uwsgi_socket_queue_length{@}", "most {{name}}": "uwsgi_socket_max_queue_length{@}"}),
        graph("Sent", {"{{stats_uri}}": rate("uwsgi_transmitted_bytes_total", "stats_uri")}, "Bps"),
        graph("Exceptions", {"{{stats_uri}}": rate("uwsgi_exceptions_total", "stats_uri")}),
        graph("Respawns and harakiris", {"respawns": "sum(increase(uwsgi_respawns_total{@}[$__rate_interval]))",
                                         "harakiris": "sum(increase(uwsgi_harakiris_total{@}[$__rate_interval]))"}),
        graph("Memory", {"resident {{stats_uri}}": "uwsgi_rss_bytes{@}", "virtual {{stats_uri}}": "uwsgi_vsz_bytes{@}"}, "bytes",
              "0 without memory-report."),
        graph("Requests of each worker", {"{{worker_id}} {{stats_uri}}": "rate(uwsgi_worker_requests_total{@}[$__rate_interval])"}, "reqps"),
        graph("Memory of each worker", {"{{worker_id}} {{stats_uri}}": "uwsgi_worker_rss_bytes{@}"}, "bytes"),
        graph("Age of each worker", {"{{worker_id}} {{stats_uri}}": "time() - uwsgi_worker_last_spawn_time_seconds{@}"}, "s"),
    ]),
    "nginx": ("nginx", "nginx_up", [
        stat("Servers up", "sum(nginx_up{@})"),
        stat("Servers down", "sum(1 - nginx_up{@})", bad_above=1),
        stat("Requests/s", rate("nginx_http_requests_total"), "reqps"),
        stat("Connections", "sum(nginx_connections_active{@})"),
        stat("Dropped, last hour",
             "sum(increase(nginx_connections_accepted{@}[1h])) - sum(increase(nginx_connections_handled{@}[1h]))",
             about="Accepted and not handled: out of connections or files.", bad_above=1),
        graph("Requests", {"{{instance}}": rate("nginx_http_requests_total", "instance")}, "reqps"),
        graph("Connections by state", {state: f"sum(nginx_connections_{state}{{@}})" for state in ("reading", "writing", "waiting")},
              about="Waiting: open and idle."),
        graph("Connections", {"accepted": rate("nginx_connections_accepted"), "handled": rate("nginx_connections_handled")}, "cps"),
        graph("Requests per connection", f"{rate('nginx_http_requests_total')} / {rate('nginx_connections_handled')}",
              about="Near 1: clients don't keep connections. Too low where nginx also serves mail or streams."),
    ]),
    "websocket": ("WebSocket", "websocket_connections_active", [
        stat("Connections", "sum(websocket_connections_active{@})", bad_below=1),
        stat("Fullest instance", "max(sum by (namespace, job, instance) (websocket_connections_active{@})) / 5000", "percentunit",
             bad_above=0.8),
        stat("Messages/s", rate("websocket_message_processing_duration_seconds_count"), "ops"),
        stat("p95", 'histogram_quantile(0.95, sum by (le) (rate(websocket_message_processing_duration_seconds_bucket{@}[$__rate_interval])))',
             "s", bad_above=1),
        stat("Pings/s", rate("websocket_heartbeat_pings_total"), "ops"),
        stat("Oldest process", "max(application_uptime_seconds{@})", "s", bad_above=7 * 24 * 3600),
        graph("Connections", {"{{instance}}": "sum by (instance) (websocket_connections_active{@})"}),
        graph("Messages", {"{{instance}}": rate("websocket_message_processing_duration_seconds_count", "instance")}, "ops"),
        quantiles("Time of a message", "websocket_message_processing_duration_seconds"),
        graph("Heartbeat pings", {"{{instance}}": rate("websocket_heartbeat_pings_total", "instance")}, "ops"),
        graph("Pings per connection", f"{rate('websocket_heartbeat_pings_total')} / sum(websocket_connections_active{{@}})", "ops",
              "Steady while all is well: one for each interval."),
        graph("Deployments", {"{{color}}": "count by (color) (application_deployment_info{@})"}, about="Instances of each colour."),
    ]),
    "error-budget": ("Error budget", "instance:slo_requests:total", [
        stat("Availability budget left", 'min(slo:budget_left:ratio{#, slo="availability"})', "percentunit", bad_below=0),
        stat("Latency budget left", 'min(slo:budget_left:ratio{#, slo="latency"})', "percentunit", bad_below=0),
        stat("Availability, 30 days", 'min(1 - slo:burn_rate:rate30d{#, slo="availability"} * on (slo) group_left () (1 - slo:objective:ratio))',
             "percentunit"),
        stat("Latency, 30 days", 'min(1 - slo:burn_rate:rate30d{#, slo="latency"} * on (slo) group_left () (1 - slo:objective:ratio))',
             "percentunit"),
        stat("Objectives", {"{{slo}}": "slo:objective:ratio"}, "percentunit"),
        stat("Fastest burn, last hour", "max(slo:burn_rate:rate1h{#})", about="1 uses the budget up in exactly 30 days.", bad_above=1),
        graph("Budget left", {"{{job}} {{slo}}": "slo:budget_left:ratio{#}"}, "percentunit", max=1),
        graph("Burn rate, availability", {window: f'max(slo:burn_rate:rate{window}{{#, slo="availability"}})'
                                          for window in ("5m", "30m", "1h", "6h", "1d", "3d")},
              about="Alerts: 14.4 over 1h, 6 over 6h, 3 over 1d, 1 over 3d."),
        graph("Burn rate, latency", {window: f'max(slo:burn_rate:rate{window}{{#, slo="latency"}})'
                                     for window in ("5m", "30m", "1h", "6h", "1d", "3d")}),
        graph("Bad requests", {"{{slo}}": "sum by (slo) (rate(instance:slo_bad_requests:total{@}[$__rate_interval]))"}, "reqps"),
        graph("Requests", {"{{slo}}": "sum by (slo) (rate(instance:slo_requests:total{@}[$__rate_interval]))"}, "reqps"),
        share("Part of bad requests, last hour", {"{{job}} {{slo}}":
              "slo:burn_rate:rate1h{#} * on (slo) group_left () (1 - slo:objective:ratio)"}),
    ]),
    "onescrape": ("onescrape", "onescrape_build_info", [
        row("Sources"),
        stat("Sources down", "sum(1 - onescrape_source_up{@})", bad_above=1),
        stat("Workers up", 'sum(onescrape_slots{@, state="up"})'),
        stat("Workers missing", 'sum(clamp_min(onescrape_workers_expected{@} - ignoring (state) onescrape_slots{@, state="up"}, 0))',
             about="Of sources with `expect`.", bad_above=1),
        stat("Stuck or down", 'sum(onescrape_slots{@, state=~"stuck|down"})', bad_above=1),
        stat("Configurations refused", "sum(1 - onescrape_config_last_reload_successful{@})", about="The one before is in force.", bad_above=1),
        stat("Series", "sum(onescrape_merged_series{@})"),
        panel("table", "Versions", "count by (version, revision) (onescrape_build_info{@})"),
        graph("Up", {"{{source}} {{instance}}": "onescrape_source_up{@}"}, max=1, min=0),
        graph("Worker ports by state", {"{{source}} {{state}}": "sum by (source, state) (onescrape_slots{@})"}),
        graph("Scrapes by outcome", {
            "{{source}} {{outcome}}": 'sum by (source, outcome) (rate({__name__=~"onescrape_(worker|target)_scrapes_total", @}[$__rate_interval]))',
        }, "ops", "Refused is a vacant port: no fault."),
        graph("Time of a scrape, p95", {
            f"{{{{source}}}} ({kind})":
            f"histogram_quantile(0.95, sum by (source, le) (rate(onescrape_{kind}_scrape_duration_seconds_bucket{{@}}[$__rate_interval])))"
            for kind in ("worker", "target")}, "s"),
        graph("Samples", {"{{source}} {{worker}}": "onescrape_worker_samples{@}", "{{source}} {{target}}": "onescrape_target_samples{@}"}),
        graph("Counters carried", {"{{source}} {{worker}}": "onescrape_carried_seconds{@}"}, "s",
              "Age of what stands for a worker that does not answer. Of a worker that ended it grows until its port is taken again: no fault."),
        row("Merging"),
        graph("Restarts of workers", {"{{source}} {{cause}}": "sum by (source, cause) (increase(onescrape_worker_resets_total{@}[$__rate_interval]))"}),
        graph("Pasts that cannot be counted", {
            "baselines {{source}}": "sum by (source) (increase(onescrape_worker_baselines_total{@}[$__rate_interval]))",
            "flaps {{source}}": "sum by (source) (increase(onescrape_worker_flaps_total{@}[$__rate_interval]))"}),
        graph("Last words", {"{{source}} {{outcome}}": rate("onescrape_last_words_total", "source, outcome")}, "ops",
              "What ending workers bring themselves, where a source hears it. Only ok, repeated and late are no fault."),
        graph("Samples dropped", {"{{source}} {{reason}}": rate("onescrape_samples_dropped_total", "source, reason")}),
        graph("Histograms mended", {"{{source}} {{kind}}": rate("onescrape_histogram_repairs_total", "source, kind")}),
        graph("Families in conflict", {"{{kind}}": "sum by (kind) (onescrape_family_conflicts{@})"}),
        graph("Series", {"served {{instance}}": "onescrape_merged_series{@}", "of no live worker {{instance}}": "onescrape_retained_series{@}"}),
        share("Series of those allowed", {"{{instance}}": "(onescrape_merged_series{@} + onescrape_retained_series{@}) / onescrape_max_series{@}"}),
        graph("Limits hit", {"{{limit}}": rate("onescrape_limit_hits_total", "limit")}),
        quantiles("Time of a merge", "onescrape_merge_duration_seconds"),
        row("Itself"),
        graph("Answers", {"{{code}} {{format}} {{encoding}}": rate("onescrape_http_requests_total", "code, format, encoding")}, "reqps"),
        graph("Mean size of an answer", {"{{instance}}": "sum by (instance) (rate(onescrape_http_response_bytes_sum{@}[$__rate_interval]))"
                                         " / sum by (instance) (rate(onescrape_http_response_bytes_count{@}[$__rate_interval]))"}, "bytes",
              "Unpacked."),
        graph("Memory", {"{{instance}}": "onescrape_resident_memory_bytes{@}"}, "bytes"),
        graph("Processor", {"{{instance}}": rate("onescrape_cpu_seconds_total", "instance")}, about="Cores in use."),
        graph("State saved", {"{{outcome}}": rate("onescrape_state_saves_total", "outcome")}, "ops", "Only with a state file."),
        graph("Age of the configuration", {"{{instance}}": "time() - onescrape_config_last_reload_success_timestamp_seconds{@}"}, "s"),
        graph("Age of the saved state", {"{{instance}}": "time() - onescrape_state_last_save_timestamp_seconds{@}"}, "s"),
    ]),
}


def placed(panels):
    """Numbers the panels and flows them into the grid, row by row."""
    x = y = line = 0
    for number, one in enumerate(panels, 1):
        width, height = WIDTH[one["type"]], HEIGHT[one["type"]]
        if x + width > COLUMNS or height != line:
            x, y = 0, y + line
        line = height
        one.update(id=number, gridPos={"x": x, "y": y, "w": width, "h": height})
        x += width
    return panels


def variable(name, metric):
    return {
        "name": name, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1,
        "query": {"query": f"label_values({metric}, {name})", "refId": name}, "definition": f"label_values({metric}, {name})",
        # Where series have no such label, .* selects them all the same.
        "includeAll": True, "allValue": ".*", "multi": True, "current": {"text": "All", "value": "$__all"},
    }


def dashboard(name, title, metric, panels):
    return {
        "uid": f"onescrape-{name}", "title": title, "tags": ["onescrape"], "schemaVersion": 37, "editable": True, "graphTooltip": 1,
        "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "timezone": "browser",
        "links": [{"type": "dashboards", "title": "onescrape", "tags": ["onescrape"], "asDropdown": True, "keepTime": True,
                   "includeVars": True}],
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
            variable("namespace", metric), variable("job", metric), variable("instance", metric),
        ]},
        "annotations": {"list": [{
            "name": "Alerts", "datasource": SOURCE, "enable": True, "iconColor": "red", "titleFormat": "{{alertname}}",
            "expr": 'ALERTS{alertstate="firing", severity="critical", job=~"$job"}'}]},
        "panels": placed(panels),
    }


def main():
    written = {f"{name}.json": json.dumps(dashboard(name, *what), indent=1) + "\n" for name, what in DASHBOARDS.items()}
    if sys.argv[1:] == ["--check"]:
        there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
        if there != written:
            names = sorted(name for name in there.keys() | written.keys() if there.get(name) != written.get(name))
            sys.exit(f"{', '.join(names)}: not as {__file__} writes them; run it")
        return
    for name, text in written.items():
        (FOLDER / name).write_text(text)


main()
