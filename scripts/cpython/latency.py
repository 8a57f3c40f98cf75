"""Quantiles of many latencies, see common/src/latency.rs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract import Metric


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of many latencies, in seconds; all zero if there are none."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0
    count: int = 0

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Quantiles:
        """By rank: sort, and take the value at the quantile's position."""
        if not seconds:
            return cls()
        ordered = sorted(seconds)
        p50, p90, p99, p999 = (
            ordered[math.ceil(quantile * len(ordered)) - 1]
            for quantile in (0.5, 0.9, 0.99, 0.999)
        )
        return cls(p50, p90, p99, p999, ordered[-1], len(ordered))

    def metrics(self, key: str, label: str) -> list[Metric]:
        """The median has the plain name, the others are details."""
        median = Metric(key, label, "s", "lower", self.p50)
        others = [
            Metric(f"{key}-{suffix}", f"{label} {name}", "s", "lower", value)
            for suffix, name, value in [
                ("p90", "p90", self.p90),
                ("p99", "p99", self.p99),
                ("p999", "p99.9", self.p999),
                ("max", "max", self.max),
            ]
        ]
        count = Metric(
            f"{key}-count", f"{label} count", "1", "neither", self.count
        )
        details = [
            dataclasses.replace(metric, detail=True)
            for metric in [*others, count]
        ]
        return [median, *details]
