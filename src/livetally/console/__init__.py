"""The web console: pages, modules and styles that a browser runs as they are written.

In the flow: receives the files of ``assets/`` from the installed package, hands routes to
``server/build.py``.
Guarantee: a page needs nothing but this server: no build step, no other host, no inline script.
"""

from livetally.console.routes import routes

__all__ = ["routes"]
