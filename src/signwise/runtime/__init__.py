"""Carries out compiled networks: a C library, and the session that calls it from NumPy."""
