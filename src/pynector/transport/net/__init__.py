"""Connections, TLS, proxies and tunnels, for HTTP and WebSocket alike."""
