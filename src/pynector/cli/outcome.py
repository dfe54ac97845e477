"""What a load came to: on a screen, for machines, and as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from ..dispatch.bar import per_time
from .histogram import bars
from .latencies import shown
from .pace import Pace, Plan
from .picture import picture
from .screen import Screen
from .summary import Summary

# What is late by less is not worth a line (seconds).
WORTH_A_LINE = 0.1

# A client that is at work for more of the time is what keeps the rate from being kept, whatever it waits for.
BUSY = 0.9


@dataclass(frozen=True)
class Outcome:
    """What a load came to.

    Attributes:
        method: The method of its requests.
        url: Where they went, without what may be secret.
        plan: What was to be sent.
        pace: When it was.
        summary: What was answered.
    """

    method: str
    url: str
    plan: Plan
    pace: Pace
    summary: Summary

    @property
    def is_good(self) -> bool:
        """Whether there were requests, all succeeded, and the rate was kept."""
        return bool(self.summary.done and not self.summary.failed and self.pace.is_kept)

    def announce(self, screen: Screen) -> None:
        """Say what is to be sent."""
        screen.line(f"{self.method} {self.url}")
        screen.line(self._intended())

    def tell(self, screen: Screen) -> None:
        """Say what came of it."""
        screen.line()
        for line in self.summary.lines(self.pace.seconds, self.pace.answered):
            screen.line(line)
        if self.summary.latencies.total:
            screen.line()
            screen.line(self._title())
            for words in bars(self.summary.latencies, screen.width, screen.encoding):
                screen.words(words)
        warning = self._warning()
        if warning:
            screen.line()
            for line in wrap(warning, screen.width):
                screen.words([(line, "bold red")])

    def figures(self) -> str:
        """Return the numbers for machines."""
        pace = self.pace
        figures: dict[str, Any] = {"method": self.method, "url": self.url, "plan": asdict(self.plan)}
        figures |= self.summary.figures(pace.seconds, pace.answered)
        for name in ("skipped", "bad_lines", "retries"):
            del figures[name]
        figures["client_busy"] = round(pace.busy, 3)
        if self.plan.rate is not None:
            late = {"held": pace.held, "late": pace.late, "worst": round(pace.worst, 6), "never_sent": pace.missed}
            figures |= {"sent_rate": round(pace.sent, 3), "is_rate_kept": pace.is_kept, "started_late": late}
        return json.dumps(figures, indent=1) + "\n"

    def picture(self) -> str:
        """Return an SVG."""
        about = [
            f"{self.method} {self.url}",
            self._intended(),
            self.summary.lines(self.pace.seconds, self.pace.answered)[0],
        ]
        return picture(self.summary.latencies, self._title(), about, self._warning())

    def _intended(self) -> str:
        plan = self.plan
        said = f"{plan.window:,} in flight"
        if plan.rate is not None:
            said = f"{per_time(plan.rate)}, {said} at most"
        said += f", {plan.count:,} times" if plan.seconds is None else f", for {plan.seconds:g} s"
        return said + (f" after {plan.warm_up:g} s that do not count" if plan.warm_up else "")

    def _title(self) -> str:
        return f"Latency, from when a request {'was meant to start' if self.plan.rate is not None else 'started'}"

    def _warning(self) -> str:
        """Return what is to be said of a rate that was not kept, or not all the time; else nothing."""
        pace, plan = self.pace, self.plan
        if plan.rate is None or (pace.is_kept and pace.worst < WORTH_A_LINE):
            return ""
        why = "this machine was too slow, or busy with something else"
        if pace.busy > BUSY:
            why = f"this client can send no faster here, and was at work {pace.busy:.0%} of the time"
        elif pace.held >= pace.late:
            why = f"all {plan.window:,} that may be in flight waited for answers"
        if pace.is_kept:
            return f"{pace.held + pace.late:,} requests started late, by {shown(pace.worst)} at most: {why}."
        never = f" {pace.missed:,} requests were due and never sent." if pace.missed else ""
        return (
            f"THE RATE WAS NOT KEPT: {per_time(pace.sent)} instead of {per_time(plan.rate)}. The reason: {why}.{never}"
        )
