"""The passes: each a function from a graph to a graph that computes the same. ``pipeline.py`` has their order."""
