"""Benchmarks against similar servers, in one run on one machine: see bench/README.md. Not part of the test suite."""
