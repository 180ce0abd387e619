"""The operator's commands, a module for each group. `vestibule.cli` puts them together."""
