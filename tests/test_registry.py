"""The registry of transports, and how a client finds its factory and its options."""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from pynector import ConfigurationError, Pynector, client, get_transport_factory_registry
from pynector.transport import RESERVED
from pynector.transport.http import HTTPTransportFactory
from pynector.transport.registry import ENTRY_POINT_GROUP, TransportFactoryRegistry, option_names
from transports import ExchangeOnly, Factory, MemoryTransport

MODULE = """
class Factory:
    def create_transport(self, **options):
        return options

ready = Factory()
not_a_factory = 5
class Broken:
    def __init__(self):
        raise RuntimeError("no licence")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of an installed package."""
    name = "installed_transport_of_a_test"
    (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / f"{name}_broken.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def installed(**values: str) -> TransportFactoryRegistry:
    entries = [EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in values.items()]
    return TransportFactoryRegistry(lambda: entries)


def test_http_comes_along() -> None:
    registry = installed()
    assert isinstance(registry.get("http"), HTTPTransportFactory)
    assert registry.get("http") is registry.get("http")


def test_names_are_sorted() -> None:
    registry = installed(zebra="nothing:Here", ant="nothing:There")
    registry.register("bee", Factory(MemoryTransport))
    names = registry.get_registered_names()
    assert names == sorted(names)
    assert {"zebra", "ant", "bee", "http"} <= set(names)


def test_a_class_of_factories_is_called(module: str) -> None:
    registry = installed(line=f"{module}:Factory")
    assert registry.get("line").create_transport(a=1) == {"a": 1}
    assert registry.get("line") is registry.get("line")


def test_a_factory_is_taken_as_it_is(module: str) -> None:
    registry = installed(line=f"{module}:ready")
    assert registry.get("line") is sys.modules[module].ready


@pytest.mark.parametrize(
    "place",
    [
        "no_such_module_of_a_test:Factory",
        "installed_transport_of_a_test:Missing",
        "installed_transport_of_a_test:not_a_factory",
        "installed_transport_of_a_test_broken:Factory",
    ],
)
def test_what_cannot_be_loaded_is_named(place: str, module: str) -> None:
    with pytest.raises(ConfigurationError, match="transport 'line'"):
        installed(line=place).get("line")


def test_a_loading_failure_keeps_its_cause(module: str) -> None:
    with pytest.raises(ConfigurationError, match="no licence") as caught:
        installed(line=f"{module}_broken:Factory").get("line")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_what_is_registered_goes_before_what_is_installed(module: str) -> None:
    registry = installed(line=f"{module}:Factory")
    mine, newer = Factory(MemoryTransport), Factory(MemoryTransport)
    registry.register("line", mine)
    assert registry.get("line") is mine
    registry.register("line", newer)
    assert registry.get("line") is newer


def test_what_is_installed_cannot_replace_what_comes_along(module: str) -> None:
    assert isinstance(installed(http=f"{module}:Factory").get("http"), HTTPTransportFactory)


def test_installed_packages_are_not_read_for_a_name_that_comes_along() -> None:
    def read() -> Any:
        raise AssertionError("read")

    assert TransportFactoryRegistry(read).get("http")


def test_installed_packages_are_read_once() -> None:
    reads: list[int] = []
    registry = TransportFactoryRegistry(lambda: reads.append(1) or [])  # type: ignore[func-returns-value]
    registry.get_registered_names()
    registry.get_registered_names()
    assert len(reads) == 1


@pytest.mark.parametrize("name", ["gopher", "", None, 5, ["http"], b"http"])
def test_an_unknown_name_lists_the_known_ones(name: Any) -> None:
    registry = installed(ant="nothing:Here")
    with pytest.raises(ConfigurationError, match="is unknown; known are ant, http"):
        registry.get(name)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_name_must_be_text(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name must be a non-empty str"):
        installed().register(name, Factory(MemoryTransport))


@pytest.mark.parametrize("factory", [None, MemoryTransport, object(), {"create_transport": 1}])
def test_a_factory_must_make_transports(factory: Any) -> None:
    with pytest.raises(ConfigurationError, match="factory of transport 'line' must have create_transport"):
        installed().register("line", factory)


class Clashing:
    def create_transport(self, port: int, retry: int = 3) -> Any:
        return ExchangeOnly()


@pytest.mark.parametrize("factory", [Clashing(), Factory(MemoryTransport, ["port", "retry"])])
def test_an_option_must_not_have_a_name_of_the_clients_own(factory: Any) -> None:
    with pytest.raises(ConfigurationError, match="transport 'line' has an option 'retry', which is the client's own"):
        installed().register("line", factory)


def test_what_the_client_and_its_batches_take_is_reserved() -> None:
    own = {"self", "data", "options", "requests"}
    calls = (Pynector.__init__, Pynector.request, Pynector.batch_request, Pynector.batch_stream)
    taken = {name for call in calls for name in inspect.signature(call).parameters} - own - {"transport_options"}
    taken |= set(inspect.signature(Pynector.request_with_retry).parameters) - own
    settings = {setting.name for setting in client._SETTINGS}
    assert taken | settings | client.OF_REQUEST | {"key", "attempt_timeout"} == RESERVED


def test_the_registry_is_one() -> None:
    assert get_transport_factory_registry() is get_transport_factory_registry()
    assert "http" in get_transport_factory_registry().get_registered_names()


class Plain:
    def create_transport(self, port: int, host: str = "localhost") -> Any:
        return ExchangeOnly()


class Open:
    def create_transport(self, port: int = 1, **options: Any) -> Any:
        return ExchangeOnly()


def test_option_names_are_declared_or_read_off_the_signature() -> None:
    assert option_names(Factory(MemoryTransport, ["a", "b"])) == {"a", "b"}
    assert option_names(Plain()) == {"port", "host"}  # type: ignore[arg-type]
    assert option_names(Open()) is None


# The client's way through it


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The global registry's own dict; what a test puts there goes away with it."""
    registered = dict(get_transport_factory_registry()._registered)
    monkeypatch.setattr(get_transport_factory_registry(), "_registered", registered)
    return registered


def test_an_unknown_transport_type_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError, match=r"transport_type 'gopher' is unknown; known are .*http"):
        Pynector(transport_type="gopher")


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("hots", "did you mean 'host'"),
        ("time_out", "did you mean 'timeout'"),
        ("zzz", "known are breaker"),
    ],
)
def test_an_unknown_option_gets_the_nearest_name(option: str, hint: str, names: dict[str, Any]) -> None:
    names["plain"] = Plain()
    for given in ({option: 1}, {"config": {option: 1}}):
        with pytest.raises(ConfigurationError, match=f"'plain' and the client have no option '{option}': {hint}"):
            Pynector(transport_type="plain", **given)


def test_an_unknown_option_of_http_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="no option 'base_ulr': did you mean 'base_url'"):
        Pynector(base_ulr="http://localhost")


def test_options_reach_the_factory_and_arguments_go_before_config(names: dict[str, Any]) -> None:
    seen: list[dict[str, Any]] = []
    names["open"] = Factory(lambda **options: seen.append(options) or ExchangeOnly())
    Pynector(transport_type="open", config={"a": 1, "b": 1, "timeout": 5}, b=2, c=3)
    assert seen == [{"a": 1, "b": 2, "c": 3}]


def test_a_factory_that_makes_no_transport_is_refused(names: dict[str, Any]) -> None:
    names["open"] = Factory(lambda **options: object())
    with pytest.raises(ConfigurationError, match="lacks connect, disconnect, send, receive"):
        Pynector(transport_type="open")
