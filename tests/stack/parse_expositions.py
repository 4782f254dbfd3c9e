"""Reads expositions with prometheus_client's own parsers: parse_expositions.py DIRECTORY.

Every file of the directory is one answer; the ending tells the format: .openmetrics or .text. Prints what it refuses and exits 1
if there is any.
"""
import pathlib
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

PARSERS = {".openmetrics": openmetrics, ".text": text}


def main():
    refused = read = 0
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        read += 1
        try:
            for _ in PARSERS[path.suffix](path.read_text(encoding="utf-8")):
                pass
        except Exception as error:  # each parser has several kinds
            refused += 1
            print(f"{path.name}: {type(error).__name__}: {error}")
    print(f"{read} expositions read, {refused} refused")
    return 1 if refused or not read else 0


if __name__ == "__main__":
    sys.exit(main())
