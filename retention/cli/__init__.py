"""The command line: one module per group of commands.

A command module imports Typer, the console and the errors; whatever a command works with, it
imports as it runs. So `--help` is there at once, and a faulty policy is told without a database.
"""
