"""The table of commands: the name, where it is, what it does.

In the flow: read by ``entry``, which imports a command's module only when it is called.
Guarantee: ``livetally --help`` imports none of them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """A command: its name, its function or App as ``module:attribute``, its help.

    The first paragraph of the ``help`` is shown in the list of commands.
    """

    name: str
    path: str
    help: str


COMMANDS = (
    Command(
        "serve",
        "livetally.cli.serve:serve",
        "Start the server.\n\n"
        "Every setting can also be given as an environment variable, --log-level as"
        " LIVETALLY_LOG_LEVEL, or in a file .env. The first start prints one administrator key,"
        " once. LIVETALLY_ROOT_KEY, if set, is accepted as the operator's key.",
    ),
    Command(
        "worker",
        "livetally.cli.worker:worker",
        "Fetch the sources of servers, as a process of its own, on any host.\n\n"
        "Servers that are started with LIVETALLY_SOURCES_ON=workers and the same LIVETALLY_NATS"
        " offer it what is due, and store what it sends back.",
    ),
    Command(
        "demo",
        "livetally.cli.demo:demo",
        "Start a server with example data, and keep new events coming.",
    ),
    Command(
        "send",
        "livetally.cli.send:send",
        "Send events: one from the options, or many from a file or standard input.\n\n"
        "A file has one event in each line (JSON), or is one JSON array. Called again after an"
        " interruption, it goes on where it stopped; what was sent before counts once.\n\n"
        "livetally send --type payment --subject ada --data '{\"value\": 9.5}'",
    ),
    Command(
        "import",
        "livetally.cli.import_:import_file",
        "Import rows of a CSV, JSON-lines or Parquet file as events.\n\n"
        "Importing the same file twice counts once. Rows that can't be taken are written to"
        " FILE.rejected with the reason; mend them and import that file.\n\n"
        "livetally import taps.csv.gz --type tap --time tapped_at --subject tag",
    ),
    Command(
        "map",
        "livetally.cli.map_:map_file",
        "Show which events a mapping makes of a file; nothing is sent.\n\n"
        "livetally map payload.json --with livetally.toml --inlet github"
        " --header X-GitHub-Event=push",
    ),
    Command(
        "query",
        "livetally.cli.query:query",
        "Ask for a metric: a table and, with an interval, a plot.\n\n"
        "livetally query departures --interval month --from 2013 --to 2014 --by origin",
    ),
    Command(
        "watch",
        "livetally.cli.watch:watch",
        "Show a metric live, until Ctrl-C.\n\n"
        "livetally watch taps --interval minute --from 2026-03-29",
    ),
    Command(
        "simulate",
        "livetally.cli.simulate:simulate",
        "Send events that look like life, from a definition's simulations.\n\n"
        "The same file, seed and --from make the same events, which count once.\n\n"
        "livetally simulate shop.toml --from -30d",
    ),
    Command(
        "check",
        "livetally.cli.check:check",
        "Check definition files: each mistake with its line, key and reason.",
    ),
    Command(
        "apply",
        "livetally.cli.apply:apply",
        "Apply a definition file to the server and show what changes.",
    ),
    Command(
        "alerts",
        "livetally.cli.alerts:app",
        "Show the alerts, when they fired, and who was told.",
    ),
    Command(
        "sinks",
        "livetally.cli.sinks:app",
        "Say how the tables are that are kept in other databases, and fill one anew.",
    ),
    Command("keys", "livetally.cli.keys:app", "Make, list, revoke and rotate keys."),
    Command(
        "sources",
        "livetally.cli.sources:app",
        "Show, start, stop, run and reschedule sources.",
    ),
    Command("teams", "livetally.cli.teams:app", "Make and list teams."),
    Command(
        "verify",
        "livetally.cli.verify:verify",
        "Recompute metrics from the raw events and compare them with what the server answers.",
    ),
    Command(
        "doctor",
        "livetally.cli.doctor:doctor",
        "Look at what a server needs: settings, disk, clock, limits, port, catalog, backups.",
    ),
    Command(
        "backup",
        "livetally.cli.backup:backup",
        "Write a backup while the server runs; each after the first writes only what is new.\n\n"
        "livetally backup /mnt/backups",
    ),
    Command(
        "restore",
        "livetally.cli.restore:restore",
        "Put a backup back into an empty data directory, without a server.\n\n"
        "livetally restore /mnt/backups --data ./livetally-data",
    ),
    Command(
        "migrate",
        "livetally.cli.migrate:migrate",
        "Make and bring up to date what the settings name: catalog, events table, log.\n\n"
        "Servers do it at their start as well; call it where they are to find everything ready.\n\n"
        "livetally migrate --set log_partitions=4",
    ),
    Command(
        "move",
        "livetally.cli.move:move",
        "Move the data directory of a stopped server to the cluster that the settings name.\n\n"
        "The cluster may take events meanwhile. Called again after an interruption, it goes on"
        " where it stopped; nothing is moved twice. At the end every day of every type is compared."
        " Positions count anew: those of old receipts mean nothing to the cluster.\n\n"
        "livetally move --from ./livetally-data",
    ),
    Command(
        "erase",
        "livetally.cli.erase:erase",
        "Erase every event of a subject, and everything that was worked out from them.\n\n"
        "livetally erase ada --yes",
    ),
)
