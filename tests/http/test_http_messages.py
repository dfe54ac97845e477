"""What a mistake is told: at once, once, by its name, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import ConfigurationError, Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

FOR_ALL: list[tuple[dict[str, Any], str]] = [
    ({"max_retries": 3}, "a request has no option 'max_retries': retries are request_with_retry's$"),
    ({"heder": {}}, "a request has no option 'heder': did you mean 'headers'"),
    ({"allow_redirects": True}, "'allow_redirects': use follow_redirects$"),
    ({"verify": False}, "'verify': it is an option of the client"),
    ({"as_response": 5}, "as_response must be True or False"),
]


@pytest.mark.parametrize(("options", "said"), FOR_ALL)
async def test_a_wrong_option_for_all_entries_is_raised_once_and_nothing_is_sent(
    play: Play, engine: str, options: dict[str, Any], said: str
) -> None:
    server = play([answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for requests in ([({"path": "/"}, {})] * 3, []):
            with pytest.raises(ConfigurationError, match=said):
                await client.batch_request(requests, **options)
        assert client.stats().errors == {}
    assert server.connections == []


async def test_a_wrong_option_of_one_entry_stays_its_own(client: Pynector, server: LoopbackServer) -> None:
    right, wrong = await client.batch_request([({"path": "/id/1"}, {}), ({"path": "/id/2"}, {"max_retries": 3})])
    assert right == b"1"
    with pytest.raises(ConfigurationError, match=r"retries are request_with_retry's .*/id/2"):
        raise wrong


@pytest.mark.parametrize("of_one", [True, False])
async def test_a_wrong_timeout_of_an_entry_is_named_by_its_index_and_nothing_is_sent(
    play: Play, engine: str, of_one: bool
) -> None:
    server = play([answer()])
    requests: list[Any] = [({"path": "/"}, {}) for _ in range(600)]
    requests[500] = ({"path": "/"}, {"timeout": (3, 10)})
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match=r"requests\[500\]: timeout must be one positive number"):
            await client.batch_request(requests, raise_on_error=of_one)
    assert server.connections == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connector": None}, "no option 'connector': use max_connections, .*verify, cert, uds"),
        ({"limits": None}, "no option 'limits': use max_connections"),
        ({"ssl": None}, "no option 'ssl': use verify, cert"),
        ({"max_retries": 3}, "no option 'max_retries': retries are request_with_retry's"),
        ({"timeout": (3, 10)}, "timeout must be one positive number"),
        ({"max_conection": 3}, "did you mean 'max_connections'"),
    ],
)
def test_an_option_of_another_client_is_told_its_name_here(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Pynector(**options)
