"""Decodes delimited protobuf with Google's own library and compares it with text: decode_protobuf.py DIRECTORY.

For every STATE.protobuf of the directory there are STATE.text and STATE.openmetrics (with `_created`), the same families in other
formats, which prometheus_client's own parsers read. Prints what differs and exits 1 if anything does; else prints, as JSON, what the
other formats can't hold: {state: {family: [native histogram]}}.
"""
import json
import math
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

PACKAGE = "io.prometheus.client"
TYPES = ["COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM"]
# prometheus/client_model, metrics.proto: name, type and number of each field; * is repeated.
MESSAGES = {
    "LabelPair": "name string 1, value string 2",
    "Gauge": "value double 1",
    "Counter": "value double 1, exemplar Exemplar 2, created_timestamp Timestamp 3",
    "Quantile": "quantile double 1, value double 2",
    "Summary": "sample_count uint64 1, sample_sum double 2, quantile Quantile* 3, created_timestamp Timestamp 4",
    "Untyped": "value double 1",
    "Histogram": "sample_count uint64 1, sample_sum double 2, bucket Bucket* 3, sample_count_float double 4, schema sint32 5,"
    "zero_threshold double 6, zero_count uint64 7, zero_count_float double 8, negative_span BucketSpan* 9,"
    "negative_delta sint64* 10, negative_count double* 11, positive_span BucketSpan* 12, positive_delta sint64* 13,"
    "positive_count double* 14, created_timestamp Timestamp 15, exemplars Exemplar* 16",
    "Bucket": "cumulative_count uint64 1, upper_bound double 2, exemplar Exemplar 3, cumulative_count_float double 4",
    "BucketSpan": "offset sint32 1, length uint32 2",
    "Exemplar": "label LabelPair* 1, value double 2, timestamp Timestamp 3",
    "Metric": "label LabelPair* 1, gauge Gauge 2, counter Counter 3, summary Summary 4, untyped Untyped 5, timestamp_ms int64 6,"
    "histogram Histogram 7",
    "MetricFamily": "name string 1, help string 2, type MetricType 3, metric Metric* 4, unit string 5",
    "Timestamp": "seconds int64 1, nanos int32 2",
}


def metric_family():
    """The class of the message."""
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package=PACKAGE, syntax="proto2")
    enum = file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        enum.value.add(name=name, number=number)
    for message, fields in MESSAGES.items():
        message = file.message_type.add(name=message)
        for field in fields.split(","):
            name, kind, number = field.split()
            repeated = kind.endswith("*")
            kind = kind.rstrip("*")
            field = message.field.add(name=name, number=int(number))
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            elif kind == "MetricType":
                field.type, field.type_name = field.TYPE_ENUM, f".{PACKAGE}.{kind}"
            else:
                field.type = getattr(field, "TYPE_" + kind.upper())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(PACKAGE + ".MetricFamily"))


def families(body, message):
    at = 0
    while at < len(body):
        length, at = _DecodeVarint32(body, at)
        if at + length > len(body):
            raise ValueError("a length past the end")
        family = message.FromString(body[at : at + length])
        family.DiscardUnknownFields()
        if family.ByteSize() != length:
            raise ValueError(f"{family.name}: bytes that no field has")
        yield family
        at += length


def number(value):
    """A value that compares: NaN equals itself."""
    return "NaN" if math.isnan(value) else float(value)


def key(name, labels):
    """A series; bounds and quantiles are numbers."""
    bound = lambda k, v: str(float(v)) if k in ("le", "quantile") else v
    return name, tuple(sorted((k, bound(k, v)) for k, v in labels.items()))


def seconds(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


def exemplar_of(owner):
    if not owner.HasField("exemplar"):
        return None
    exemplar = owner.exemplar
    time = seconds(exemplar.timestamp) if exemplar.HasField("timestamp") else None
    return {pair.name: pair.value for pair in exemplar.label}, number(exemplar.value), time


def expand(family):
    """Every series of a family as the other formats have it: key, value, exemplar."""
    kind, name = TYPES[family.type], family.name
    if not family.HasField("type"):
        raise ValueError(f"{name}: no type")
    for metric in family.metric:
        labels = {pair.name: pair.value for pair in metric.label}
        if len(labels) != len(metric.label) or metric.HasField("timestamp_ms"):
            raise ValueError(f"{name}: a label twice, or a timestamp")
        if kind in ("GAUGE", "UNTYPED"):
            value = metric.gauge if kind == "GAUGE" else metric.untyped
            yield key(name, labels), value.value, None
            continue
        value = {"COUNTER": metric.counter, "SUMMARY": metric.summary}.get(kind, metric.histogram)
        if value.HasField("created_timestamp"):
            yield key(name.removesuffix("_total") + "_created", labels), seconds(value.created_timestamp), None
        if kind == "COUNTER":
            yield key(name, labels), value.value, exemplar_of(value)
            continue
        for quantile in value.quantile if kind == "SUMMARY" else ():
            yield key(name, {**labels, "quantile": quantile.quantile}), quantile.value, None
        if kind != "SUMMARY":
            if (value.positive_span or value.negative_span or value.zero_threshold or value.zero_count) and not value.bucket:
                continue
            count = value.sample_count_float or value.sample_count
            bounds = [bucket.upper_bound for bucket in value.bucket]
            for bucket in value.bucket:
                cumulative = bucket.cumulative_count_float or bucket.cumulative_count
                yield key(name + "_bucket", {**labels, "le": bucket.upper_bound}), cumulative, exemplar_of(bucket)
            if math.inf not in bounds:
                yield key(name + "_bucket", {**labels, "le": "inf"}), count, None
        else:
            count = value.sample_count
        gauge = "g" if kind == "GAUGE_HISTOGRAM" else ""
        if value.HasField("sample_count") or count:
            yield key(f"{name}_{gauge}count", labels), count, None
        if value.HasField("sample_sum"):
            yield key(f"{name}_{gauge}sum", labels), value.sample_sum, None


def buckets(spans, counts):
    counts, index, found = iter(counts), 0, {}
    for span in spans:
        index += span.offset
        for _ in range(span.length):
            count = next(counts)
            if count:
                found[index] = count
            index += 1
    if next(counts, None) is not None:
        raise ValueError("counts without a span")
    return found


def running(deltas):
    total = 0
    for delta in deltas:
        total += delta
        yield total


def natives(family):
    for metric in family.metric:
        h = metric.histogram
        if not (h.positive_span or h.negative_span or h.zero_threshold or h.zero_count or h.zero_count_float):
            continue
        is_float = bool(h.sample_count_float or h.zero_count_float)
        yield {
            "labels": {pair.name: pair.value for pair in metric.label},
            "schema": h.schema,
            "zero_threshold": h.zero_threshold,
            "zero_count": h.zero_count_float or float(h.zero_count),
            "count": h.sample_count_float or float(h.sample_count),
            "sum": h.sample_sum,
            "positive": buckets(h.positive_span, h.positive_count if is_float else running(h.positive_delta)),
            "negative": buckets(h.negative_span, h.negative_count if is_float else running(h.negative_delta)),
            "is_float": is_float,
            "exemplars": [seconds(exemplar.timestamp) for exemplar in h.exemplars],
        }


def read(parser, path):
    """Series with values, exemplars, and what a family is, out of text."""
    values, exemplars, about = {}, {}, {}
    for family in parser(path.read_text(encoding="utf-8")):
        for sample in family.samples:
            values[key(sample.name, sample.labels)] = number(sample.value)
            if sample.exemplar:
                e = sample.exemplar
                time = None if e.timestamp is None else float(e.timestamp)
                exemplars[key(sample.name, sample.labels)] = (dict(e.labels), number(e.value), time)
            about[sample.name] = (family.documentation, getattr(family, "unit", ""))
    return values, exemplars, about


def differences(path, message):
    """Lines about what differs, and the natives."""
    values, exemplars, native, about = {}, {}, {}, {}
    for family in families(path.read_bytes(), message):
        for series, value, exemplar in expand(family):
            if series in values:
                yield f"{series} twice"
            values[series] = number(value)
            about[series[0]] = (family.help, family.unit)
            if exemplar:
                exemplars[series] = exemplar
        found = list(natives(family))
        if found:
            native[family.name] = found
    for parser, suffix in ((openmetrics, ".openmetrics"), (text, ".text")):
        theirs, their_exemplars, their_about = read(parser, path.with_suffix(suffix))
        ours = {k: v for k, v in values.items() if suffix == ".openmetrics" or not k[0].endswith("_created")}
        for series in sorted(ours.keys() | theirs.keys()):
            if ours.get(series) != theirs.get(series):
                yield f"{suffix} {series}: {ours.get(series)} in protobuf, {theirs.get(series)} there"
        if suffix == ".openmetrics" and exemplars != their_exemplars:
            yield f"exemplars: {exemplars} in protobuf, {their_exemplars} there"
        for name in their_about.keys() & about.keys():
            mine, other = about[name], their_about[name]
            if mine[0] != other[0] or (suffix == ".openmetrics" and mine[1] != other[1]):
                yield f"{suffix} {name}: {mine} in protobuf, {other} there"
    if not values:
        yield "no series"
    differences.natives[path.stem] = native


def main():
    differences.natives = {}
    message = metric_family()
    found = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.protobuf")):
        for line in differences(path, message):
            found += 1
            print(f"{path.stem}: {line}")
    if not found:
        print(json.dumps(differences.natives))
    return 1 if found or not differences.natives else 0


if __name__ == "__main__":
    sys.exit(main())
