"""Log lines as JSON on standard error, and the numbers for Prometheus. Never a key, a query string or a literal."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from functools import partial

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine.pool import WorkerPool
from server.budgets import Budgets

REFUSALS = ("source_busy", "queue_share", "source_closed", "source_resting", "connection_budget")
LOGGER = logging.getLogger("viewloom")
_STANDARD = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One line of JSON per record; the fields given as `extra` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            # The type and the places, not the text: a message can quote a row or a secret.
            line["error"] = type(record.exc_info[1]).__name__
            trace, places = record.exc_info[2], []
            while trace is not None:
                code = trace.tb_frame.f_code
                places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["places"] = places[-6:]
        return orjson.dumps(line, default=str).decode()


def configure_logging(level: str) -> None:
    """All loggers to standard error as JSON. uvicorn's own lines about broken answers are left out: ours say more."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    # Our lines name none of these, and looking for them takes half of the time of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    logging.getLogger("httpx").setLevel("WARNING")
    logging.getLogger("sqlglot").setLevel("ERROR")
    logging.getLogger("alembic").setLevel("WARNING")


def _is_news(record: logging.LogRecord) -> bool:
    return "without completing response" not in record.getMessage()


class Metrics:
    """Counters of one server. Labels are bounded: protocol and status, never a tenant or a key."""

    def __init__(self, pool: WorkerPool, budgets: Budgets) -> None:
        self.registry = CollectorRegistry()
        self._kept: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self.requests = Counter(
            "viewloom_requests_total", "Requests by protocol and HTTP status", ["protocol", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.broken = Counter(
            "viewloom_answers_broken_total", "Answers that broke after their head, by cause", ["cause"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "viewloom_request_seconds", "Time from request to last byte", ["protocol"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300), registry=self.registry,
        )  # fmt: skip
        self.rows = Counter("viewloom_rows_total", "Rows answered", registry=self.registry)
        self.source_rows = Counter("viewloom_source_rows_total", "Rows fetched from sources", registry=self.registry)
        for name in ("workers", "busy", "idle", "starting", "waiting"):
            gauge = Gauge(f"viewloom_pool_{name}", f"Worker pool: {name}", registry=self.registry)
            gauge.set_function(partial(_pool_number, pool, name))

        waiting = Gauge("viewloom_budget_waiting", "Requests that wait for a connection", registry=self.registry)
        waiting.set_function(budgets.waiting)
        refused = Gauge(
            "viewloom_budget_refused", "Requests turned away since the start, by code", ["cause"],
            registry=self.registry,
        )  # fmt: skip
        for cause in REFUSALS:
            refused.labels(cause).set_function(partial(_refused_number, budgets, cause))

    def count(self, protocol: str, status: int, seconds: float) -> None:
        """One request. Its counters are kept at hand: finding them by their labels takes longer than counting."""
        kept = self._kept.get((protocol, status))
        if kept is None:
            kept = self.requests.labels(protocol, str(status)), self.seconds.labels(protocol)
            self._kept[protocol, status] = kept
        kept[0].inc()
        kept[1].observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


def _refused_number(budgets: Budgets, cause: str) -> float:
    return float(budgets.refused[cause])


def _pool_number(pool: WorkerPool, name: str) -> float:
    return float(pool.state()[name])
