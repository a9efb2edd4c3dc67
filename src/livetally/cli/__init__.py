"""The command line: one file for each command, imported when that command runs.

In the flow: receives words from a shell, talks to a server through ``client`` or starts one through
``server``, prints answers.
Guarantee: exit code 0 when done, 1 when it failed, 2 when it was called wrongly; an error says what
to do next and never shows a trace or a key.

    entry.py, commands.py       from words to a command; the table of commands
    serve.py send.py import_.py query.py watch.py check.py apply.py keys.py teams.py verify.py
    connection.py, asking.py, inputs.py       the options that commands share
    output.py, chart.py, progress.py, loaded.py, codes.py     what they print and return
    load/                       files become events: read, map, send, resume
"""

from __future__ import annotations

from livetally.cli.entry import main

__all__ = ["main"]
