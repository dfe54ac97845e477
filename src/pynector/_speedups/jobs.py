"""The requests that worker tasks run, one after another: what `submit` is made of where a transport has none."""

from collections import deque
from collections.abc import Callable
from typing import Any

from .scheduler import NEVER, Deadlines


class Job:
    """A request that a worker runs; the handle of `submit`.

    Attributes:
        data, options, deadline, token, observer: As given to `submit`.
        completion: See Completion; None once it has ended or was given up.
        submitted: When it was given, on the event loop's clock in seconds.
        scope: What its worker can be cancelled by while it runs it, or None.
        reached: What says its name, and how far it had come, when it was ended from outside; None before.
    """

    __slots__ = ("completion", "data", "deadline", "observer", "options", "reached", "scope", "submitted", "token")

    def __init__(
        self,
        data: Any,
        options: Any,
        deadline: float,
        completion: Any,
        token: int,
        observer: Any,
        submitted: float,
    ) -> None:
        self.data = data
        self.options = options
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.observer = observer
        self.submitted = submitted
        self.scope: Any = None
        self.reached: Any = None

    def progress(self) -> tuple[Any, Any]:
        """See Handle."""
        progress: tuple[Any, Any] = (None, None) if self.reached is None else self.reached.progress()
        return progress

    def name(self) -> Any:
        """See Handle."""
        return None if self.reached is None else self.reached.name()

    def cancel(self) -> None:
        """See Handle."""
        if self.completion is not None:
            self.completion = None
            if self.scope is not None:
                self.scope.cancel()


class Jobs:
    """The jobs of some workers, and their deadlines.

    Args:
        clock: The event loop's clock.
        spawn: Makes a worker that begins with a job.
        sooner: Called with the time at which to look for what is late, if that is sooner than before.
    """

    __slots__ = ("_clock", "_deadlines", "_sooner", "_spawn", "_telling", "_waiting")

    def __init__(
        self, clock: Callable[[], float], spawn: Callable[[Job], object], sooner: Callable[[float], object]
    ) -> None:
        self._clock = clock
        self._spawn = spawn
        self._sooner = sooner
        self._deadlines = Deadlines()
        self._waiting: Any = deque()
        self._telling = 0

    def submit(
        self, data: Any, options: Any, deadline: float, completion: Any, token: int, observer: Any = None
    ) -> Job:
        """See SubmitTransport."""
        job = Job(data, options, deadline, completion, token, observer, self._clock())
        if self._telling > 0:
            # A worker that tells of an answer goes on with it: a task for each request would cost more than the rest.
            self._waiting.append(job)
        else:
            self._spawn(job)
        return job

    def begin(self, job: Job, worker: int, scope: Any) -> bool:
        """Take note that a worker begins with a job, and return whether it has not been given up."""
        if job.completion is None:
            return False
        job.scope = scope
        if self._deadlines.arm(worker, job.deadline):
            self._sooner(self._deadlines.due)
        return True

    def left(self, worker: int) -> None:
        """Take note that a worker's job has ended, however."""
        self._deadlines.arm(worker, NEVER)

    def succeed(self, job: Job, answer: Any) -> None:
        """End a job with its answer."""
        completion = job.completion
        if completion is not None:
            job.completion = None
            self._telling += 1
            try:
                completion.succeed(job.token, answer)
            finally:
                self._telling -= 1

    def fail(self, job: Job, error: BaseException) -> None:
        """End a job with its failure."""
        completion = job.completion
        if completion is not None:
            job.completion = None
            self._telling += 1
            try:
                completion.fail(job.token, error)
            finally:
                self._telling -= 1

    def take(self) -> Any:
        """Return the job that a worker goes on with, or None; other workers begin with the rest."""
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        while self._waiting:
            self._spawn(self._waiting.popleft())
        return job

    def due(self) -> float:
        """Return when to look for what is late, on the event loop's clock in seconds."""
        return self._deadlines.due

    def late(self) -> list[int]:
        """Return the workers whose jobs are late."""
        return self._deadlines.overdue(self._clock())
