"""The operator's verbs, a file for each family; `vestibule.cli` is where they are put together."""
