"""Where Alembic is told which connection and which table of versions to use.

In the flow: run by Alembic for ``migrate``, which lends it a connection inside a transaction.
Guarantee: nothing is read from a configuration file, and no connection is opened here.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
