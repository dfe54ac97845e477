"""WebSocket: requests and their answers as messages over one or more connections."""

from .messages import Gap, Message
from .subscription import Subscription
from .transport import WebSocketTransport, WebSocketTransportFactory

__all__ = ["Gap", "Message", "Subscription", "WebSocketTransport", "WebSocketTransportFactory"]
