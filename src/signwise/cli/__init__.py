"""The command line: one file per verb, none of which imports torch before it is called."""
