"""Carries out a compiled network: the C library, and how Python reaches it."""
