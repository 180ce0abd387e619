"""What all pages share: the access check, the request, templates and assets."""
