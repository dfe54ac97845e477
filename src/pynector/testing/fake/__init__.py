"""Answers without servers: an engine below the HTTP transport's rules, what it answers, a guard, and virtual time."""
