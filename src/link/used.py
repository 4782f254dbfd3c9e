"""Prints used.ld: the functions that ordinary runs of a program need, in the order in which they first run.

    python3 src/link/used.py PROGRAM... > src/link/used.ld
    python3 src/link/used.py --missing PROGRAM    which of the functions named there it doesn't have

PROGRAM is onescrape as released, with its symbols: the static one and the dynamic one (`make layout` builds both), since not the same
functions are inlined. Each runs twice under ptrace with a breakpoint at every function: with four workers, then with all kinds of
sources, a state file, a reload and a browser. Linux on x86-64, any Python 3.
"""

import ctypes
import http.client
import itertools
import os
import pathlib
import re
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time

SCRIPT = pathlib.Path(__file__).with_name("used.ld")
FIXTURES = pathlib.Path(__file__).parents[2] / "tests" / "fixtures"
ROUNDS = 6
# What changes in a symbol with the compiler, with a library's version, with a line of source elsewhere in its module: hashes of crates,
# numbers of implementations, positions in the symbol itself, copies made by LLVM.
CHANGING = [
    (r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_"),
    (r"(?<=[MX])s[0-9A-Za-z]*_(?=[CIN])", "s*_"),
    (r"B[0-9A-Za-z]*_", "B*_"),
    (r"\.llvm\.\d+$", "*"),
]
# What lies behind the list: the rest of what is on the way of a sample. A function that is new, or named otherwise by another compiler,
# then is not far off.
NEAR = ["*_5tokio*", "*_5hyper*", "*_10hyper_util*", "*_3mio*"] + [
    f"*_9onescrape{len(folder)}{folder}*" for folder in ["model", "target", "scrape", "parse", "merge", "round", "encode", "serve"]
]
# Longer names are cut: what they have in common then is short.
NAME_MAX = 120
START_SECONDS = 30

# From <sys/ptrace.h>, <sys/user.h> and <sys/wait.h>.
TRACEME, CONT, GETREGS, SETREGS, SETOPTIONS = 0, 7, 12, 13, 0x4200
OPTION_TRACECLONE, OPTION_EXITKILL = 8, 0x100000
REGISTERS = struct.Struct("27Q")
RIP = 16
WALL = 0x40000000
BREAKPOINT = 0xCC

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def functions(program):
    """Name by address."""
    found = {}
    for line in subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True, check=True).stdout.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW":
            found.setdefault(int(address, 16), name)
    return found


def traced(program, arguments, meet):
    """Names of the functions that run while `meet(pid)` goes on, in order."""
    names = functions(program)
    pid = os.fork()
    if pid == 0:
        libc.ptrace(TRACEME, 0, None, None)
        os.execv(program, [program, *arguments])
    os.waitpid(pid, 0)
    program = os.path.realpath(program)
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    base = next(int(line.split("-")[0], 16) for line in maps if line.endswith(program))
    low, high = min(names), max(names) + 1
    order = []
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(base + low)
        text = memory.read(high - low)
        patched = bytearray(text)
        for address in names:
            patched[address - low] = BREAKPOINT
        memory.seek(base + low)
        memory.write(bytes(patched))
        libc.ptrace(SETOPTIONS, pid, None, ctypes.c_void_p(OPTION_TRACECLONE | OPTION_EXITKILL))
        libc.ptrace(CONT, pid, None, None)
        threading.Thread(target=meet, args=(pid,), daemon=True).start()
        buffer = ctypes.create_string_buffer(REGISTERS.size)
        while True:
            thread, status = os.waitpid(-1, WALL)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread == pid:
                    return order
                continue
            deliver = os.WSTOPSIG(status)
            if deliver == signal.SIGTRAP:
                deliver = 0
                libc.ptrace(GETREGS, thread, None, buffer)
                registers = list(REGISTERS.unpack(buffer.raw))
                address = registers[RIP] - 1 - base
                # Not at the stop that tells of a new thread.
                if status >> 16 == 0 and address in names:
                    memory.seek(base + address)
                    memory.write(text[address - low : address - low + 1])
                    registers[RIP] -= 1
                    libc.ptrace(SETREGS, thread, None, ctypes.create_string_buffer(REGISTERS.pack(*registers)))
                    if names[address] not in order:
                        order.append(names[address])
            elif deliver == signal.SIGSTOP:
                deliver = 0
            libc.ptrace(CONT, thread, None, ctypes.c_void_p(deliver))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


PORT = free_port()


def serve(answers):
    """A server on a free port that gives these in turn, one a connection; returns the port. Of a pair, the second as OpenMetrics."""
    answers = itertools.cycle(answers)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.settimeout(0.05)
            asked, answer = b"", next(answers)
            try:
                asked = self.request.recv(1 << 16)
            except TimeoutError:
                pass  # uWSGI's clients say nothing
            if isinstance(answer, tuple):
                answer = answer[b"openmetrics" in asked]
            self.request.sendall(answer)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


FORMATS = {
    ".prom": "text/plain; version=0.0.4; charset=utf-8",
    ".om": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


def over_http(body, kind=FORMATS[".prom"]):
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def bodies(folder, suffix):
    return [file.read_bytes() for file in sorted((FIXTURES / folder).glob(f"*{suffix}"))]


def workers(*suffixes):
    """The captured workers, each slot in its next state at each scrape: before, after, recycled, before. In one format, or both."""
    def answer(file):
        texts = tuple(over_http(file.with_suffix(suffix).read_bytes(), FORMATS[suffix]) for suffix in suffixes)
        return texts if len(texts) > 1 else texts[0]

    states = sorted((FIXTURES / "django-workers").iterdir())
    slots = zip(*(sorted(state.glob("*.prom")) for state in states))
    return [serve([answer(file) for file in slot]) for slot in slots]


def get(path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=START_SECONDS)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def started():
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            return get("/-/healthy")
        except OSError:
            time.sleep(0.1)
    sys.exit("it does not listen")


PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4", "Accept-Encoding": "gzip"}


def as_prometheus(pid):
    started()
    for _ in range(ROUNDS):
        get("/metrics")
        get("/metrics", **PROMETHEUS)
        time.sleep(0.2)
    get("/-/ready")
    os.kill(pid, signal.SIGTERM)


def as_everybody(pid):
    started()
    for _ in range(ROUNDS):
        get("/metrics", **PROMETHEUS)
        get("/metrics", Accept="application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
        get("/")
        time.sleep(0.2)
    os.kill(pid, signal.SIGHUP)
    time.sleep(1)
    get("/metrics")
    os.kill(pid, signal.SIGTERM)


CONFIG = """
sources:
  - {{name: django, kind: workers, targets: [{workers}]}}
  - {{name: uwsgi, kind: uwsgi, targets: ["tcp://127.0.0.1:{uwsgi}"]}}
  - {{name: nginx, kind: nginx, targets: ["http://127.0.0.1:{nginx}/nginx/status"]}}
  - {{name: traffic, kind: nginx_vts, targets: ["http://127.0.0.1:{vts}/status"]}}
  - {{name: node, kind: exporter, targets: ["127.0.0.1:{exporter}"]}}
"""


def objects():
    """Which object of the C library has a function: it isn't compiled to sections of one function each."""
    library = subprocess.run(["cc", "-print-file-name=libc.a"], capture_output=True, text=True, check=True).stdout.strip()
    lines = subprocess.run(["nm", "-A", "--defined-only", library], capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in lines:
        place, _, name = line.rsplit(" ", 2)
        found.setdefault(name, place.split(":")[1])
    return found


def lasting(name):
    """A symbol as a pattern, without what changes."""
    for changing, anything in CHANGING:
        name = re.sub(changing, anything, name)
    return name if len(name) <= NAME_MAX else name[:NAME_MAX] + "*"


def missing(program):
    """Of the functions and methods of our own that are listed."""
    listed = re.findall(r"^ *\*\(\.text\*\.(_RNv[MN].*_9onescrape.*)\)$", SCRIPT.read_text(), re.MULTILINE)
    known = set(map(lasting, functions(program).values()))
    gone = [name for name in listed if name not in known]
    print(f"{len(gone)} of {len(listed)}", *gone, sep="\n")


def pattern(name, of_libc):
    """A function as the linker finds it."""
    if name in of_libc:
        return f"*libc.a:{of_libc[name]}(.text .text.*)"
    return f"*(.text*.{lasting(name)})"


def ordinary_runs(program):
    """Names of the functions that run, in order: first those without which nothing goes."""
    with tempfile.TemporaryDirectory() as folder:
        ordinary = ["--log.level=error", f"--web.listen-address=127.0.0.1:{PORT}"]
        least = traced(program, [*ordinary, *(f"--workers=127.0.0.1:{port}" for port in workers(".prom"))], as_prometheus)
        config = pathlib.Path(folder, "onescrape.yml")
        config.write_text(
            CONFIG.format(
                workers=", ".join(f'"127.0.0.1:{port}"' for port in workers(".prom", ".om")),
                uwsgi=serve(bodies("uwsgi", "r-load.json")),
                nginx=serve([over_http(body, "text/plain") for body in bodies("nginx", ".txt")]),
                vts=serve([over_http(body, "application/json") for body in bodies("nginx-vts", "load.json")]),
                exporter=serve([over_http(body) for body in bodies("exporters", "node.prom")]),
            )
        )
        return least, traced(program, [*ordinary, f"--config.file={config}", f"--state.file={folder}/state"], as_everybody)


def main(programs):
    least, more = zip(*map(ordinary_runs, programs))
    order = itertools.chain(*least, *more)
    of_libc = objects()
    print("/* Made by used.py: see there. What ordinary runs need lies together, so that the rest of the program stays on disk. */")
    print("SECTIONS {\n  .text.used : {")
    for line in dict.fromkeys(pattern(name, of_libc) for name in order):
        print(f"    {line}")
    for name in NEAR:
        print(f"    *(.text*{name})")
    print("  }\n}\nINSERT BEFORE .text;")


if sys.argv[1] == "--missing":
    missing(sys.argv[2])
else:
    main(sys.argv[1:])
