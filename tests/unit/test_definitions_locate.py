"""Lines of keys in TOML texts, form by form.

In the flow: texts one by one; ``property/test_definitions_locate.py`` draws many.
Guarantee: each way to write a key is found at the line where it is written.
"""

from __future__ import annotations

from livetally.definitions.locate import line_of, locate

TEXT = '''\
# a comment with [brackets] and key = "value"
application = "a"   # [not.a.header]

[event."a.b"]
data.x = { type = "string", one_of = ["]", '}', "#"] }
data.'y z' = """
[no.header]
no = "key"
""""

[metric.m]
of = [
  # a comment, with a comma
  { event = "a", where = ["x:1",
       "y:2"] },

  { event = "b" }
]
when = 1979-05-27 07:32:00 # a blank within a value

[[dashboard.d.panels]]
kind = "line"
[[dashboard.d.panels]]
kind = "bar"
more."\\u00e9\\t" = true
[dashboard.d.panels.sub]
deep = 1
'''


def test_each_form_is_found_at_its_line() -> None:
    """Headers, dotted and quoted keys, inline tables, arrays and arrays of tables."""
    assert locate(TEXT) == {
        ("application",): 2,
        ("event",): 4,
        ("event", "a.b"): 4,
        ("event", "a.b", "data"): 5,
        ("event", "a.b", "data", "x"): 5,
        ("event", "a.b", "data", "x", "type"): 5,
        ("event", "a.b", "data", "x", "one_of"): 5,
        ("event", "a.b", "data", "x", "one_of", 0): 5,
        ("event", "a.b", "data", "x", "one_of", 1): 5,
        ("event", "a.b", "data", "x", "one_of", 2): 5,
        ("event", "a.b", "data", "y z"): 6,
        ("metric",): 11,
        ("metric", "m"): 11,
        ("metric", "m", "of"): 12,
        ("metric", "m", "of", 0): 14,
        ("metric", "m", "of", 0, "event"): 14,
        ("metric", "m", "of", 0, "where"): 14,
        ("metric", "m", "of", 0, "where", 0): 14,
        ("metric", "m", "of", 0, "where", 1): 15,
        ("metric", "m", "of", 1): 17,
        ("metric", "m", "of", 1, "event"): 17,
        ("metric", "m", "when"): 19,
        ("dashboard",): 21,
        ("dashboard", "d"): 21,
        ("dashboard", "d", "panels"): 21,
        ("dashboard", "d", "panels", 0): 21,
        ("dashboard", "d", "panels", 0, "kind"): 22,
        ("dashboard", "d", "panels", 1): 23,
        ("dashboard", "d", "panels", 1, "kind"): 24,
        ("dashboard", "d", "panels", 1, "more"): 25,
        ("dashboard", "d", "panels", 1, "more", "é\t"): 25,
        ("dashboard", "d", "panels", 1, "sub"): 26,
        ("dashboard", "d", "panels", 1, "sub", "deep"): 27,
    }


def test_what_is_not_written_is_at_what_is_around_it() -> None:
    """A missing key is reported at its table, a missing table at the first line."""
    lines = locate(TEXT)
    assert line_of(lines, ("metric", "m", "aggregate")) == 11
    assert line_of(lines, ("metric", "m", "of", 1, "value")) == 17
    assert line_of(lines, ("entity", "x")) == 1
    assert line_of(lines, ()) == 1


def test_carriage_returns_count_as_tomllib_counts_them() -> None:
    """A line ends with its line feed."""
    assert locate("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}
