"""The Admin Console: server-rendered pages, a module for each area."""
