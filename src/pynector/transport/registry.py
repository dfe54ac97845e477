"""Transport factories by name: those that come along, those of installed packages, and those registered at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ConfigurationError
from .contract import RESERVED

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "pynector.transports"

_BUILT_IN = {
    "http": ("pynector.transport.http", "HTTPTransportFactory"),
    "websocket": ("pynector.transport.websocket", "WebSocketTransportFactory"),
}
"""Module and class of the factories that come along; they are imported when they are asked for."""


class TransportFactory(Protocol):
    """Makes transports. It may have an attribute `option_names`, the names that `create_transport` takes."""

    @property
    def create_transport(self) -> Callable[..., Any]:
        """Make, called with options by name, a transport that is not connected yet.

        Raises:
            ConfigurationError: If an option is not valid.
        """


def _installed() -> Iterable[EntryPoint]:
    # Importing this costs as much as the rest of the package.
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


class TransportFactoryRegistry:
    """Factories by name. A name registered at run time goes before one of an installed package.

    Args:
        installed: Gives the entry points of installed packages; each loads a factory or a class of factories.
    """

    def __init__(self, installed: Callable[[], Iterable[EntryPoint]] = _installed) -> None:
        self._registered: dict[str, TransportFactory] = {}
        # Reading the entry points costs tens of milliseconds: not before a name is asked for that is not built in.
        self._loadable = lru_cache(maxsize=1)(lambda: {entry.name: entry for entry in installed()})

    def register(self, name: str, factory: TransportFactory) -> None:
        """Make a factory known under a name; it replaces one of the same name.

        Raises:
            ConfigurationError: If the name is not a non-empty string, or the factory has no `create_transport`, or has
                an option whose name is reserved (`pynector.transport.RESERVED`).
        """
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"the transport's name must be a non-empty str, not {name!r}")
        if not callable(getattr(factory, "create_transport", None)):
            raise ConfigurationError(
                f"the factory of transport {name!r} must have create_transport(**options): {factory!r}"
            )
        clashing = RESERVED.intersection(option_names(factory) or ())
        if clashing:
            raise ConfigurationError(
                f"the factory of transport {name!r} has an option {min(clashing)!r}, which is the client's own"
            )
        self._registered[name] = factory

    def get(self, name: str) -> TransportFactory:
        """Give the factory of a name.

        Raises:
            ConfigurationError: If there is none; the message lists the known names.
        """
        if isinstance(name, str) and name in self._registered:
            return self._registered[name]
        if not isinstance(name, str) or (name not in _BUILT_IN and name not in self._loadable()):
            known = ", ".join(self.get_registered_names())
            raise ConfigurationError(f"transport_type {name!r} is unknown; known are {known}")
        try:
            loaded: Any
            if name in _BUILT_IN:
                module, factory_name = _BUILT_IN[name]
                loaded = getattr(import_module(module), factory_name)
            else:
                loaded = self._loadable()[name].load()
        except Exception as error:
            # It is somebody else's module, so anything may be raised.
            raise ConfigurationError(f"transport {name!r} cannot be loaded: {error}") from error
        factory: Any = loaded() if isinstance(loaded, type) else loaded
        self.register(name, factory)
        return self._registered[name]

    def get_registered_names(self) -> list[str]:
        """Give the known names in alphabetical order."""
        return sorted({*self._registered, *_BUILT_IN, *self._loadable()})


def option_names(factory: TransportFactory) -> frozenset[str] | None:
    """Give the names of the options a factory takes, or None if it takes any."""
    names = getattr(factory, "option_names", None)
    if names is not None:
        return frozenset(names)
    import inspect

    parameters = inspect.signature(factory.create_transport).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset(p.name for p in parameters)


@lru_cache(maxsize=1)
def get_transport_factory_registry() -> TransportFactoryRegistry:
    """Give the registry that `Pynector(transport_type=...)` looks in."""
    return TransportFactoryRegistry()
