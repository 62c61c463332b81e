"""The figures in the words of Prometheus."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from flask_messenger.monitor.beats import BY_TABLES, Beat
from flask_messenger.monitor.figures import Figures, Waiting

PREFIX: Final = "messenger_"
MOST_WORKSPACES: Final = 20
"""Each name costs a series: the workspaces with the most waiting are named, the rest is not."""


def expose(beats: Sequence[Beat] | None, figures: Figures | None) -> bytes:
    """Return the text a Prometheus scrapes. `beats` is None where Redis is away."""
    registry = CollectorRegistry()
    registry.register(_Collector(beats, figures))
    return generate_latest(registry)


class _Collector(Collector):
    """Turns one moment's figures into metric families."""

    def __init__(self, beats: Sequence[Beat] | None, figures: Figures | None) -> None:
        self._beats = beats
        self._figures = figures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each family."""
        yield _gauge("redis_up", "Whether Redis answers.", float(self._beats is not None))
        if self._beats is not None:
            yield from _of_workers(self._beats)
        if self._figures is not None:
            yield from _of_figures(self._figures)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _of_workers(beats: Sequence[Beat]) -> Iterator[GaugeMetricFamily]:
    alive = GaugeMetricFamily(PREFIX + "workers", "Processes alive.", labels=["group"])
    longest = GaugeMetricFamily(
        PREFIX + "worker_busy_seconds", "Longest job under way.", labels=["group"]
    )
    now = time.time()
    for group in sorted({each.group for each in beats}):
        ours = [each for each in beats if each.group == group]
        alive.add_metric([group], len(ours))
        longest.add_metric([group], max(now - each.job_since if each.job else 0 for each in ours))
    yield alive
    yield longest
    without = sum(each.works_by == BY_TABLES for each in beats)
    yield _gauge("workers_by_tables", "Processes that work without the queue.", without)


def _of_figures(figures: Figures) -> Iterator[GaugeMetricFamily]:
    yield _gauge("figures_age_seconds", "Age of these figures.", time.time() - figures.at)
    if figures.last_received_at is not None:
        age = time.time() - figures.last_received_at
        yield _gauge("last_delivery_age_seconds", "Since the newest delivery.", age)
    parts = {"ingest": figures.journal, "outbox": figures.outbox, "announcing": figures.news}
    yield from _waiting("backlog", "Waits in the tables", "part", parts)
    yield from _waiting("queue", "Waits in RQ", "group", figures.queues)
    yield _gauge("entries_failed", "Journal entries that failed.", figures.failed_entries)
    yield _gauge("entries_unrouted", "Journal entries of nobody.", figures.unrouted_entries)
    yield _gauge("messages_sending", "Messages on their way.", figures.sending)
    yield _gauge("messages_unknown", "Sends of which nobody knows.", figures.unknown)
    yield _gauge("spooled_deliveries", "Deliveries that wait for the database.", figures.spooled)
    yield from _turns(figures)


def _waiting(
    name: str, text: str, label: str, parts: Mapping[str, Waiting]
) -> Iterator[GaugeMetricFamily]:
    counts = GaugeMetricFamily(f"{PREFIX}{name}_items", f"{text}: how many.", labels=[label])
    ages = GaugeMetricFamily(
        f"{PREFIX}{name}_oldest_seconds", f"{text}: how long already.", labels=[label]
    )
    for part, waiting in parts.items():
        counts.add_metric([part], waiting.count)
        ages.add_metric([part], waiting.oldest_seconds)
    yield counts
    yield ages


def _turns(figures: Figures) -> Iterator[GaugeMetricFamily]:
    total = GaugeMetricFamily(PREFIX + "turns_items", "Pieces that wait.", labels=["group"])
    largest = GaugeMetricFamily(
        PREFIX + "turns_workspace_items",
        "Pieces that wait, of the workspaces with the most.",
        labels=["group", "workspace"],
    )
    for group, by_workspace in figures.turns.items():
        total.add_metric([group], sum(by_workspace.values()))
        most = sorted(by_workspace.items(), key=lambda each: -each[1])[:MOST_WORKSPACES]
        for workspace_id, count in most:
            largest.add_metric([group, workspace_id], count)
    yield total
    yield largest
