"""The engine of our own: HTTP/1.1 on asyncio's protocols, with neither a task nor a future for a request."""
