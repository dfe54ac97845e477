"""A transport that answers by itself."""

from __future__ import annotations

import inspect
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import ConfigurationError
from ...transport.http.transport import HTTPTransport
from .answers import Answer, Answerer, Answering, Failure, NoAnswer, answer_from
from .asked import Asked
from .patterns import Pattern
from .seat import Real, Seat, everywhere


class Rule:
    """Answers for some requests.

    Args:
        pattern: Which they are.
        answers: What they are answered with: one for all of them, or several, each once.
    """

    def __init__(self, pattern: Pattern, answers: tuple[Answering | Answerer, ...]) -> None:
        self.pattern = pattern
        self._for_all = answers[0] if len(answers) == 1 else None
        self._left = deque(answers if len(answers) > 1 else ())
        self._is_used = False

    def next(self) -> Any:
        """Return what the next of the requests is answered with; None if there is nothing left."""
        self._is_used = True
        if self._for_all is not None:
            return self._for_all
        return self._left.popleft() if self._left else None

    @property
    def is_used_up(self) -> bool:
        """Whether its answer was given, or all of several were."""
        return self._is_used and not self._left


class FakeTransport(HTTPTransport):
    """An HTTP transport that answers by itself. All else is as over the network: it stands where connections are made.

    Options, encoding, redirects, cookies, auth flows, decoding, statuses, retries, limits and streams are those of the
    HTTP transport. `Pynector(transport=FakeTransport(base_url=...))` uses it; `with fake.everywhere():` has it answer
    to clients that are made elsewhere, with their own options.

    Args:
        **options: See HTTPTransportFactory.create_transport; those of clients that use it by `everywhere` are theirs.

    Attributes:
        requests: What was asked, in order: each attempt, and each redirect.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stand_in = self._seat = Seat(self._reply)
        self.requests: list[Asked] = []
        self._rules: list[Rule] = []
        self._problems: list[BaseException] = []

    def answer(
        self,
        where: str | re.Pattern[str] | None,
        *answers: Answering | Answerer,
        method: str | None = None,
        host: str | None = None,
    ) -> None:
        """Answer some requests; of what fits a request, what was said first and has something left counts.

        Args:
            where: A path (`"/items/*"`) or a URL (`"https://*.example.com/*"`), in which each `*` stands for any text;
                with a "?" the query counts, too. Or a compiled regular expression to search for in the URL. None: any.
            *answers: An Answer; a TransportError or TimeoutError to fail with, at its `phase`, having `sent` so much;
                a dict or list to send as JSON; text, bytes or a status; or a function of an Asked that returns one
                of these, async or not. One is for each of the requests; of several, each is for one of them.
            method: The method; None: any.
            host: The host, in which `*` may stand for any text; None: any.

        Raises:
            ConfigurationError: If one of them is not valid.
        """
        pattern = Pattern(where, method, host)
        if not answers:
            raise ConfigurationError(f"there is no answer for {pattern}: give one, or several")
        made = tuple(given if _is_function(given) else answer_from(given) for given in answers)
        self._rules.append(Rule(pattern, made))

    def asked(
        self, where: str | re.Pattern[str] | None = None, *, method: str | None = None, host: str | None = None
    ) -> list[Asked]:
        """Return what was asked, in order; see `answer` for the arguments."""
        pattern = Pattern(where, method, host)
        return [asked for asked in self.requests if pattern.fits(asked)]

    def assert_all_used(self) -> None:
        """Raise AssertionError if there are answers that nobody has asked for."""
        left = [str(rule.pattern) for rule in self._rules if not rule.is_used_up]
        if left:
            raise AssertionError(f"nobody has asked for all answers to {'; '.join(left)}; {self._asked_so_far()}")

    def assert_all_answered(self) -> None:
        """Raise AssertionError if there was no answer to something, or a function that answers has failed."""
        if self._problems:
            raise AssertionError(str(self._problems[0])) from self._problems[0]

    @contextmanager
    def everywhere(self) -> Iterator[FakeTransport]:
        """Answer the HTTP requests of all clients that connect meanwhile, in whatever thread.

        Raises:
            AssertionError: At its end, if there was no answer to something, or a function that answers has failed.
        """
        with everywhere(self._seat):
            yield self
        self.assert_all_answered()

    async def _reply(self, real: Real, asked: Asked) -> Answer | Failure:
        self.requests.append(asked)
        try:
            return await self._answer_to(asked)
        except Exception as error:
            problem: Exception = error
            if not isinstance(error, NoAnswer):
                # An assertion in it, most often: of the transport's errors, it would be one that may pass.
                problem = NoAnswer(f"what answers {asked!r} has failed: {type(error).__name__}: {error}")
                problem.__cause__ = error
            self._problems.append(problem)
        raise problem

    async def _answer_to(self, asked: Asked) -> Answer | Failure:
        for rule in self._rules:
            if rule.pattern.fits(asked) and (given := rule.next()) is not None:
                if callable(given):
                    given = given(asked)
                    if inspect.isawaitable(given):
                        given = await given
                return answer_from(given)
        known = "; ".join(str(rule.pattern) for rule in self._rules) or "nothing"
        raise NoAnswer(f"the fake has no answer to {asked.method} {asked.url}; it has for {known}")

    def _asked_so_far(self) -> str:
        return f"asked was {', '.join(map(repr, self.requests)) or 'nothing'}"


def _is_function(given: Any) -> bool:
    # An error's class is none.
    return callable(given) and not isinstance(given, type)
