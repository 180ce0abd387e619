"""Verbs: what can be done, each in one transaction, each recording its own events."""
