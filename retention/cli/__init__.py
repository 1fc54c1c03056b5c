"""The command line: one module per group of commands.

A command module imports Typer, the console and the errors; whatever a command works with, it
imports as it runs. So `--help` is there at once, and a faulty policy is told without a database.
Nor do these modules take all annotations as texts (`from __future__`): Typer would read each of
them anew at every start.
"""

import gc

# modules and rows are no cycles: looking for some at every 700th object costs a tenth of the start,
# and once while it starts costs a twentieth
gc.set_threshold(150_000, 20, 50)
