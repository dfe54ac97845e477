"""The HTTP engines that tests run on, HTTP/2 as a third one, and what is not asked of it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest

from loops import LOOPS, PACKAGES

HAS_HTTP2 = find_spec("ngh2") is not None
"""Whether the bundled server can speak it."""

WAYS = ["forwarded", "CONNECT", "TLS", "socks5h", "socks4a"]
"""Through what every client may be led; see tests/ways.py."""


def engines(asked_for: str) -> list[Any]:
    """Return the engines of tests that are marked as pytest's -m says.

    The first one is what runs where the native one cannot: it is on httpx2 where that is installed. The third one is
    the native engine where every client speaks HTTP/2, in clear text, too; the others, which only the long form has,
    are it where every client goes through a proxy.
    """
    by_proxy = [] if "not exhaustive" in asked_for else WAYS
    return [
        pytest.param(PACKAGES[-1], id="httpx"),
        "native",
        "http2",
        *(pytest.param(f"by {way}", marks=pytest.mark.exhaustive) for way in by_proxy),
    ]


# What a test is about, and the tests: all of one, or those with a part in their id.
NOT_ASKED_OF_HTTP2 = {
    "how HTTP/1.1 says that a connection ends or is kept (Connection, Keep-Alive)": [
        "test_a_request_that_closes_its_connection_does_so",
        "test_a_connection_is_not_used_past_the_time_its_server_keeps_it",
        "test_a_connection_without_a_descriptor_says_so",
    ],
    "bytes that are no HTTP/1.1, or follow an answer; what is wrong in frames is in tests/http/test_http2*.py": [
        "test_a_broken_answer_is_an_error_and_never_a_short_success: garbage",
        "test_a_broken_answer_is_an_error_and_never_a_short_success: bad",
        "test_an_error_shows_nothing_of_what_is_secret: bad length",
        "test_a_request_that_changes_in_flight_ends_as_it_would_have: nonsense",
        "test_no_secret_of_an_answer_is_told: hunter2\\r",
        "test_what_follows_a_streamed_body_is_nobodys_answer",
    ],
    "a connection that is lost with its exchange: over HTTP/2 only the stream is": [
        "test_a_request_whose_last_chunk_was_not_written_leaves_no_connection",
        "test_an_answer_to_half_an_upload_costs_the_connection",
        "test_the_body_of_a_redirect_is_dropped: 524288-length",
        "test_the_body_of_a_redirect_is_dropped: 524288-chunked",
        "test_the_body_of_a_redirect_is_dropped: 8388608-length",
        "test_the_body_of_a_redirect_is_dropped: 8388608-chunked",
    ],
    "what comes before any protocol is spoken, or which one it is to be": [
        "test_a_server_that_says_nothing_in_tls_is_late_in_tls",
        "test_a_handshake_that_hangs_ends_at_the_deadline",
        "test_a_server_without_tls_is_no_tls_connection",
        "test_a_context_that_agrees_on_http_2_is_told_before_anything_is_sent",
        "test_a_redirect_to_http_2_says_that_something_was_sent",
    ],
    "how many connections a window takes, where each carries one request": [
        "test_connections_follow_the_window_unless_they_are_said: 120",
    ],
    "a server of the test's own that speaks HTTP/1.1": [
        "test_a_connection_that_ended_with_its_answer_takes_no_post",
        "test_origins_are_forgotten_with_their_last_connection: ended",
        "test_the_parents_are_right_through_three_services",
        "test_every_request_ends_as_it_should_and_leaves_nothing",
    ],
}


NOT_ASKED_THROUGH_PROXIES = {
    "who is at the other end, which is the proxy: names, addresses, who does not listen, or speaks first": [
        "test_a_server_that_is_not_there_is_a_connect_error",
        "test_a_name_that_does_not_resolve_is_a_connect_error",
        "test_a_timeout_while_connecting_has_sent_nothing",
        "test_a_refused_connection_says_so",
        "test_a_refused_connection_is_an_attempt",
        "test_every_socket_sends_at_once_and_is_kept_alive",
        "test_the_zone_of_an_address_is_for_the_lookup_only",
        "test_whatever_a_lookup_raises_ends_every_request_with_a_connect_error",
        "test_after_a_failed_connection_the_name_is_looked_up_again",
        "test_other_ports_and_redirects_go_where_they_would",
        "test_a_next_hop_that_refuses_does_not_unsay_the_first",
        "test_an_attempt_that_is_refused_does_not_unsay_the_one_before",
        "test_what_was_never_sent_is_none",
        "test_an_attempt_is_a_client_span",
        "test_what_an_auth_flow_sends_is_one_attempt",
        "test_a_server_without_tls_is_no_tls_connection",
        "test_nothing_is_sent_elsewhere_and_nothing_retried",
    ],
    "how soon a connection is there, or its end comes": [
        "test_none_of_many_answers_at_a_time_loses_its_cookie",
        "test_a_connection_that_ended_with_its_answer_takes_no_post",
        "test_an_attempt_that_nobody_waits_for_is_ended",
        "test_the_parents_are_right_through_three_services",
    ],
    "descriptors of the process, which are the proxy's, too": [
        "test_a_connection_without_a_descriptor_says_so",
        "test_every_answer_of_a_large_batch_is_in_its_place",
        "test_every_request_ends_as_it_should_and_leaves_nothing",
    ],
}


def way_of(item: pytest.Item) -> str | None:
    """Return the way by which a test's clients go through a proxy, or None."""
    engine = str(item.callspec.params.get("engine")) if hasattr(item, "callspec") else ""
    return engine.removeprefix("by ") if engine.startswith("by ") else None


def is_over_http2(item: pytest.Item) -> bool:
    """Say whether a test runs on the third engine."""
    return bool(hasattr(item, "callspec") and item.callspec.params.get("engine") == "http2")


def cannot_be(item: pytest.Item) -> bool:
    """Say whether there is nothing to test, or nothing that another combination of loop and engine does not."""
    if not hasattr(item, "callspec"):
        return False
    engine = item.callspec.params.get("engine")
    loops = {"asyncio", "uvloop", "trio"}.intersection(re.split("[-_]", item.callspec.id))
    if engine in PACKAGES:
        # Its sockets are AnyIO's there, as on asyncio.
        return "uvloop" in loops and find_spec("httptools") is not None
    if engine not in ("native", "http2") and way_of(item) is None:
        return False
    if find_spec("httptools") is None:
        return True
    if way_of(item) is not None:
        return not loops <= {LOOPS[-1].id} or _is_in(NOT_ASKED_THROUGH_PROXIES, item)
    if not is_over_http2(item):
        return False
    # What goes on in a loop is the native engine's, over HTTP/1.1.
    return not HAS_HTTP2 or not loops <= {LOOPS[-1].id} or _is_in(NOT_ASKED_OF_HTTP2, item)


def _is_in(listed: dict[str, list[str]], item: pytest.Item) -> bool:
    for tests in listed.values():
        for name, _, part in (test.partition(": ") for test in tests):
            if name == item.originalname and part in item.callspec.id:  # type: ignore[attr-defined]
                return True
    return False
