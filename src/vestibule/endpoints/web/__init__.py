"""What every page of the program shares, whoever it is for: the access check, the request, templates and assets."""
