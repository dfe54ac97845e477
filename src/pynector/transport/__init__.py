"""Transports: the contract, the registry, and those that come with Pynector."""

from .contract import (
    RESERVED,
    Completion,
    ExchangeTransport,
    Handle,
    OriginCounts,
    RequestObserver,
    RequestTraits,
    Snapshot,
    StreamTransport,
    SubmitTransport,
    Target,
    TransportProtocol,
)
from .registry import TransportFactory, TransportFactoryRegistry, get_transport_factory_registry

__all__ = [
    "RESERVED",
    "Completion",
    "ExchangeTransport",
    "Handle",
    "OriginCounts",
    "RequestObserver",
    "RequestTraits",
    "Snapshot",
    "StreamTransport",
    "SubmitTransport",
    "Target",
    "TransportFactory",
    "TransportFactoryRegistry",
    "TransportProtocol",
    "get_transport_factory_registry",
]
