"""Every fault and attack that a release has to withstand: the rows of docs/reliability.md.

A test says which row it covers with `@pytest.mark.row(key)`; `test_rows.py` fails if a row has no test and nothing
later to wait for.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Section:
    """A group of rows.

    Args:
        key: a letter.
        title: for people.
    """

    key: str
    title: str


@attrs.frozen
class Row:
    """One fault or attack.

    Args:
        key: what tests name it by.
        section: the key of its `Section`.
        fault: what is done to the system.
        must_hold: what it has to do then.
        later: what has to be built before this can be tested; empty if it is tested. With tests, the part that is not.
    """

    key: str
    section: str
    fault: str
    must_hold: str
    later: str = ""


SECTIONS = (
    Section("A", "HTTP edge"),
    Section("B", "Batcher"),
    Section("C", "Processes"),
    Section("D", "Local store"),
    Section("F", "Builds, archives and containers"),
    Section("G", "Deserialisation and trust"),
)

ROWS = (
    Row("slow-headers", "A", "500 connections send headers byte by byte", "all are cut within 10 s; others are served"),
    Row("slow-body", "A", "200 requests send their bodies at 100 bytes a second", "408 within 15 s; others are served"),
    Row("slow-reader", "A", "50 clients read a 50 MB answer at 1 kB/s", "cut at the write timeout; memory bounded"),
    Row(
        "body-over-cap",
        "A",
        "bodies over the limit: declared, chunked, with a false length, compressed",
        "413 or 415; at most 64 kB more than the limit are read",
    ),
    Row("chunk-flood", "A", "bodies in a million chunks of one byte", "400 past 65,536 chunks; memory does not grow"),
    Row("multipart-flood", "A", "50,000 parts, endless part headers, images of 2.5 gigapixels", "413, read no further"),
    Row(
        "json-bombs",
        "A",
        "JSON: 100,000 levels, integers of a million digits, NaN, duplicate keys, lone surrogates",
        "400 or 413, never 500",
    ),
    Row("dtype-lie", "A", "shapes and dtypes that the bytes do not have", "400, before anything is allocated for them"),
    Row("smuggling", "A", "requests whose end two parsers would see differently", "400 and closed; one answer"),
    Row("http2-floods", "A", "HTTP/2 rapid reset, CONTINUATION, SETTINGS and PING floods", "closed; others are served"),
    Row("dns-rebinding", "A", "foreign Host and Origin headers on loopback, every verb", "421 or 403"),
    Row(
        "client-leaves",
        "A",
        "clients leave in seven phases: accept, header, body, queued, batched, running, writing",
        "their place is free; their batch-mates are answered",
    ),
    Row("deadline", "A", "a deadline of 50 ms on a model of 200 ms", "504 at once; late work is not started"),
    Row("unauthorised", "A", "every route without, with a wrong, with another service's API key", "401 or 403"),
    Row("response-splitting", "A", "carriage returns and line feeds in what becomes a header", "refused"),
    Row("exposure", "A", "cross-origin requests, errors of every kind, hostile text in logs", "no word too much"),
    Row("http-fuzz", "A", "random bytes, and mutations of valid requests", "no 5xx, no crash, no growth"),
    Row("api-fuzz", "A", "requests made from the OpenAPI document", "no 5xx; answers as documented"),
    Row("cold-burst", "B", "1, 5, 50, 1,000 calls at once on a new server", "none is refused"),
    Row(
        "poison-row",
        "B",
        "a call that makes its batch fail: every position, 1 to k of 64, every way to fail",
        "the others get what they get alone; at most 2·k·log2(n) further model calls",
    ),
    Row("wrong-answers", "B", "a model returns too few rows, too many, none, or no rows at all", "an error says so"),
    Row("cancelled-call", "B", "one of 64 callers leaves, in each phase", "63 answers"),
    Row("order", "B", "twice the capacity, open loop", "the longest and the shortest wait differ by one batch"),
    Row(
        "overload",
        "B",
        "five times the capacity, open loop",
        "99 % of refusals within 5 ms, with Retry-After; at least 90 % of the best throughput",
    ),
    Row("overload-recovery", "B", "the overload ends", "latencies are back within 2 s"),
    Row("clock-step", "B", "the clock is set by an hour; processes are suspended for 5 s", "nothing is refused for it"),
    Row("mixed-calls", "B", "shapes, dtypes and arguments that do not fit each other", "never in one batch"),
    Row(
        "any-sequence",
        "B",
        "random arrivals, withdrawals, failures and timeouts",
        "every call ends once, with its own answer",
    ),
    Row(
        "batch-too-large",
        "B",
        "a device that is out of memory above k rows",
        "halved and remembered; nothing is lost",
        later="the same on a real GPU: there was none; `python -m benchmarks.gpu` checks it where there is one",
    ),
    Row("kill-replica", "C", "kill -9 of one of two replicas every 2 s, under load", "0 calls are lost"),
    Row("kill-lone-replica", "C", "kill -9 of the only replica every 5 s, under load", "0 calls are lost"),
    Row("deadly-row", "C", "a row that kills its replica", "only its own call is lost"),
    Row("kill-worker", "C", "kill -9 of an API worker, under load", "only its own connections see it; it is replaced"),
    Row("kill-supervisor", "C", "kill -9 of the supervisor", "no process after 2 s; the port is free"),
    Row("kill-zygote", "C", "kill -9 of the zygote, under load", "0 calls are lost; it is replaced"),
    Row("silent-replica", "C", "SIGSTOP of a replica", "no new work within 2 s; killed when its calls are late"),
    Row(
        "dying-model",
        "C",
        "models that crash, abort, exit, run out of memory or of stack",
        "an error for their batch, and nothing else",
    ),
    Row("out-of-memory", "C", "the system kills a replica for its memory", "as a kill; the cause is in the metrics"),
    Row("resource-limits", "C", "limits on memory, descriptors and processes", "503, and it recovers"),
    Row("bombs", "C", "models that start processes and threads without end, or print a gigabyte", "bounded"),
    Row("slow-start", "C", "models that never load, load slowly, or load at the third try", "not ready; exit code 1"),
    Row("crash-loop", "C", "a model that dies whenever it loads", "backoff, then 503 and not ready; live"),
    Row("stop-under-load", "C", "SIGTERM with 500 requests in flight", "all are answered; exit code 0"),
    Row("stop-stuck-client", "C", "SIGTERM while a client holds half a body back", "ended by the drain time + 1 s"),
    Row("signals", "C", "SIGTERM during start and reload, twice; SIGINT; SIGHUP", "as documented"),
    Row(
        "reload-under-load",
        "C",
        "a good, a broken and a slow version, under load",
        "nothing is refused; no batch has answers of two versions",
    ),
    Row(
        "replica-socket",
        "C",
        "another user; torn, oversized and random frames",
        "refused; only that connection ends",
    ),
    Row("soak", "C", "mixed faults for long", "memory, descriptors and shared memory stay flat"),
    Row(
        "store-crash-points",
        "D",
        "kill -9 at every system call of save, delete and build",
        "the old or the new state, nothing between",
    ),
    Row("disk-errors", "D", "EIO, ENOSPC, EDQUOT, short writes", "an error says so; nothing is published"),
    Row("power-cut", "D", "what was not synced is lost, at every point of a save", "the old or the new state"),
    Row("same-tag", "D", "8 processes save one tag", "one wins; the others are told"),
    Row("many-versions", "D", "8 processes save 100 versions each of one model", "800 versions; latest is the newest"),
    Row(
        "store-stress",
        "D",
        "saving, deleting, listing, reading, exporting and collecting at once",
        "nothing is read in part; what is open stays readable",
    ),
    Row("pull-race", "D", "8 processes pull one model", "one download", later="remote stores"),
    Row("bit-rot", "D", "one byte of each file of a version is changed", "refused, with the file's name"),
    Row(
        "odd-places",
        "D",
        "read-only, foreign, open to all, symlinked; names of 255 bytes",
        "serves what it can read; save says why it cannot",
    ),
    Row("clock-skew", "D", "the clock is set back 400 days between saves", "latest is the last saved"),
    Row("hostile-tags", "D", "tags with .., NUL, newlines, percent signs, 10 kB", "one grammar, everywhere"),
    Row(
        "build-links",
        "F",
        "links out of the build context, to folders, in loops, through folders; pipes, sockets, devices; odd names",
        "the build is refused with the name; nothing outside is packed",
    ),
    Row("build-races", "F", "files and folders swapped for links while they are packed", "never followed"),
    Row(
        "build-secrets",
        "F",
        "keys and tokens of each kind, in text, UTF-16, binary and large files; files that are secret by their names",
        "the build is refused, or the file left out",
    ),
    Row(
        "build-fields",
        "F",
        "fields of a bentofile that name files: absolute, .., ~, variables, links, /proc",
        "refused with the field's name; nothing of the file is told",
    ),
    Row("build-size", "F", "100,000 files, deep trees, a large file, a model of 2 GB", "packed, in bounded memory"),
    Row(
        "isolated",
        "F",
        "a Bento with scikit-learn, served with --isolated where only Jubako is installed",
        "150 of 150 answers right; later starts take less than 2 s more",
    ),
    Row("planted-bento", "F", "pickles planted in the models of a Bento, and its files changed", "refused when served"),
    Row(
        "hostile-archives",
        "F",
        "links, devices, ways out, duplicates, false sizes, cuts and flipped bits, in every format",
        "refused whole; no file outside; nothing is published",
    ),
    Row("archive-bombs", "F", "archives that unpack to far more than they are", "refused early; the disk stays free"),
    Row("moves-killed", "F", "kill -9 during import and export", "the old or the new state; no half file"),
    Row("moves-no-room", "F", "a disk that is full during import and export", "an error says so; no half file"),
    Row("pickle-to-sockets", "G", "pickles sent to every socket and decoder", "never executed"),
    Row("planted-pickle", "G", "pickles planted in the store, under every format", "refused; no second try"),
    Row("trust-paths", "G", "trusting a wrong digest, the right one, another's", "only the right one loads"),
    Row("parser-fuzz", "G", "random frames, manifests, records, archives", "no crash, no hang, under 100 MB"),
    Row("static-gate", "G", "sources that unpickle, evaluate or extract", "lint fails"),
)

BY_KEY = {row.key: row for row in ROWS}
