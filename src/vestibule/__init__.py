"""Vestibule: where an organisation's identity provider hands its people over to an application."""

__version__ = "0.1.0"
