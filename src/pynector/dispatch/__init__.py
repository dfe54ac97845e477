"""From entries to results, whatever the transport."""
