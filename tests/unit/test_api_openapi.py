"""The OpenAPI document and the routes are one.

In the flow: compares ``api.openapi`` with ``api.app``, without a server.
Guarantee: a route that is not described fails, and so does a description of a route that is gone.
"""

from __future__ import annotations

from typing import cast

from starlette.routing import Route

from livetally.api import Services, build_app
from livetally.api.openapi import docs_page, openapi


def test_every_route_is_described_and_nothing_else() -> None:
    """Method by method, the document names what ``build_app`` has under ``/v1``."""
    routes = {
        (method.lower(), route.path)
        for route in build_app(cast("Services", None)).routes
        if isinstance(route, Route) and route.path.startswith("/v1/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {
        (method, path) for path, methods in openapi("0")["paths"].items() for method in methods
    }
    assert described == routes


def test_every_reference_leads_somewhere() -> None:
    """Each ``$ref`` of the document names a schema that is in it."""
    document = openapi("0")
    wanted: set[str] = set()
    todo: list[object] = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            wanted |= {value["$ref"]} if "$ref" in value else set()
            todo += value.values()
        elif isinstance(value, (list, tuple)):
            todo += value
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert wanted <= there


def test_the_page_for_people_names_every_route() -> None:
    """The page has one line for each operation, and its text is safe to show."""
    page = docs_page("<b>")
    assert "&lt;b&gt;" in page
    for path in openapi("0")["paths"]:
        assert f"<code>{path}</code>" in page
