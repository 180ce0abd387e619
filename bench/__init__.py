"""Speed beside its peers, measured in one run on one machine: see bench/README.md. Not part of the test suite."""
