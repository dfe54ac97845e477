"""What ends the program comes as it is, not in a group, though it was raised in a task of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loops import runners
from pynector import Pynector
from pynector.groups import single
from transports import Connectable


class Ending(Connectable):
    """Raises what it is given."""

    async def exchange(self, data: Any, /) -> Any:
        raise data


# asyncio lets these two out of its loop itself, whatever task they are raised in.
@pytest.mark.parametrize("run", [runner for runner in runners() if runner.id == "trio"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", ["batch_request", "batch_stream"])
def test_what_ends_the_program_comes_alone(run: Callable[[Any], Any], kind: type[BaseException], call: str) -> None:
    async def main() -> None:
        client = Pynector(Ending())
        if call == "batch_request":
            await client.batch_request([(kind("now"), {})])
        else:
            async with client.batch_stream([(kind("now"), {})]) as results:
                async for _ in results:
                    pass

    with pytest.raises(kind, match="now"):
        run(main())


def test_of_a_group_what_matters_most_is_taken() -> None:
    class Group(BaseException):
        """As ExceptionGroup, which Python 3.10 has not."""

        def __init__(self, *exceptions: BaseException) -> None:
            super().__init__()
            self.exceptions = exceptions

    ends, fails = KeyboardInterrupt(), ValueError()
    other = BaseException()
    assert single(Group(fails, Group(other, ends))) is ends
    assert single(Group(other, fails, OSError())) is fails
    assert single(fails) is fails
    group = Group(other)
    assert single(group) is group
