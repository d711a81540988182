"""What the end-to-end tests stand on; tests/README.md says how to use it."""
