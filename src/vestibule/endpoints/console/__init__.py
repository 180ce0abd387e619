"""The Admin Console: pages rendered on the server, a file per family of pages."""
