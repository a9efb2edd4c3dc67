"""Metrics and ratios, as a definition declares them.

In the flow: the small shop with one metric added.
Guarantee: every documented form gives the documented terms; what can't be computed is refused.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Aggregate, Filter, Metric, Op, Ratio
from tests.declaring import mistakes, shop, shop_mistakes


def metric(declaration: str) -> Metric:
    """Return the metric that a declaration without its header declares."""
    return shop(f"[metric.m]\n{declaration}").metrics["m"]


def test_short_form_is_one_term() -> None:
    """An event, for most aggregates a value, and conditions."""
    found = metric('aggregate = "sum"\nevent = "sale"\nvalue = "value"\nwhere = ["paid:true"]')
    [term] = found.terms
    assert (found.aggregate, term.event, term.value, term.sign) == (
        Aggregate.SUM,
        "sale",
        "value",
        1,
    )
    assert term.where == (Filter("paid", Op.IN, ("true",)),)
    assert {name: field.column for name, field in term.fields.items()} == {
        "value": "f_value__decimal9",
        "paid": "f_paid__boolean",
    }


def test_long_form_has_signed_terms() -> None:
    """A minus before the value, or the sign, takes away; both together add."""
    found = metric(
        'aggregate = "sum"\nof = [{ event = "sale", value = "value" }, '
        '{ event = "refund", value = "-value" }, { event = "refund", value = "value", sign = -1 }, '
        '{ event = "refund", value = "-value", sign = -1 }]'
    )
    assert [(term.event, term.value, term.sign) for term in found.terms] == [
        ("sale", "value", 1),
        ("refund", "value", -1),
        ("refund", "value", -1),
        ("refund", "value", 1),
    ]


def test_count_can_take_away() -> None:
    """What is open: opened less closed."""
    found = metric(
        'aggregate = "count"\nof = [{ event = "sale" }, { event = "refund", sign = -1 }]'
    )
    assert [term.sign for term in found.terms] == [1, -1]


def test_several_events_are_several_terms() -> None:
    """A list of events shares value and conditions, in both forms."""
    short = metric('aggregate = "count"\nevent = ["sale", "refund"]\nwhere = ["subject:a"]')
    long = metric(
        'aggregate = "count"\nof = [{ event = ["sale", "refund"], where = ["subject:a"] }]'
    )
    assert short == long
    assert [term.event for term in short.terms] == ["sale", "refund"]


def test_conditions_of_metric_and_term_add_up() -> None:
    """A condition on the metric holds for all its terms; it may be of one event type only."""
    found = metric(
        'aggregate = "count"\nwhere = ["paid:true"]\n'
        'of = [{ event = "sale", where = ["count:>1"] }, { event = "refund" }]'
    )
    assert [[filter_.field for filter_ in term.where] for term in found.terms] == [
        ["paid", "count"],
        ["paid"],
    ]


@pytest.mark.parametrize(
    "where",
    [
        'where = ["paid:true", "count:>15", "!value:*"]',
        'where = { paid = true, count = ">15", "!value" = "*" }',
        'where.paid = "true"\nwhere.count = ">15"\nwhere."!value" = "*"',
    ],
)
def test_where_has_two_forms(where: str) -> None:
    """A list of texts and a table mean the same."""
    [term] = metric(f'aggregate = "count"\nevent = "sale"\n{where}').terms
    assert term.where == (
        Filter("paid", Op.IN, ("true",)),
        Filter("count", Op.GT, ("15",)),
        Filter("value", Op.EXISTS, negated=True),
    )


def test_where_as_a_table_takes_plain_values() -> None:
    """Lists and numbers in a table are values, never operators; a nested table is a path."""
    [term] = metric(
        'aggregate = "count"\nevent = "refund"\n'
        'where = { reason = ["*", "a,b"], value = 1.50, subject = "", address = { city = "Oslo" } }'
    ).terms
    assert [(filter_.field, filter_.op, filter_.values) for filter_ in term.where] == [
        ("reason", Op.IN, ("*", "a,b")),
        ("value", Op.IN, ("1.50",)),
        ("subject", Op.IN, ("",)),
        ("address.city", Op.IN, ("Oslo",)),
    ]


def test_unique_counts_subjects_unless_said_otherwise() -> None:
    """The value of unique may be any field or attribute."""
    assert metric('aggregate = "unique"\nevent = "sale"').terms[0].value == "subject"
    for value in ("source", "id", "paid", "value"):
        found = metric(f'aggregate = "unique"\nevent = "sale"\nvalue = "{value}"')
        assert found.terms[0].value == value


def test_sum_of_floats_is_called_approximate() -> None:
    """Only what adds binary floating-point numbers is."""
    for aggregate, value, approximate in [
        ("sum", "weight", True),
        ("avg", "weight", True),
        ("max", "weight", False),
        ("sum", "value", False),
        ("avg", "count", False),
    ]:
        found = metric(f'aggregate = "{aggregate}"\nevent = "sale"\nvalue = "{value}"')
        assert found.approximate is approximate, (aggregate, value)


def test_dimensions_are_canonical() -> None:
    """A dimension is a field of any of the events, or subject, source or type."""
    found = metric(
        'aggregate = "count"\nevent = ["sale", "refund"]\n'
        'by = ["data.reason", "subject", "address.city", "type"]'
    )
    assert found.by == ("reason", "subject", "address.city", "type")
    assert [sorted(term.fields) for term in found.terms] == [[], ["address.city", "reason"]]


def test_what_is_shown_is_kept() -> None:
    """Title, description, unit and decimals are for people."""
    found = metric(
        'aggregate = "count"\nevent = "sale"\ntitle = "T"\n'
        'description = "D"\nunit = "U"\ndecimals = 0'
    )
    assert (found.title, found.description, found.unit, found.decimals) == ("T", "D", "U", 0)
    assert (found.name, found.application) == ("m", "shop")


def test_many_undeclared_event_types_can_be_counted() -> None:
    """Looking for misspelt names is bounded; names that were not compared are accepted."""
    of = ", ".join(f'"visit{number}"' for number in range(50))
    many = "".join(
        f'[metric.m{page}]\naggregate = "count"\nevent = [{of.replace("visit", f"page{page}_")}]\n'
        for page in range(5)
    )
    assert len(shop(many).metrics) == 5


def test_undeclared_event_type_can_be_counted() -> None:
    """Its attributes are known; nothing of its data is."""
    assert (
        metric('aggregate = "count"\nevent = "visit"\nby = ["subject"]').terms[0].event == "visit"
    )


@pytest.mark.parametrize(
    ("declaration", "line", "key", "part"),
    [
        ('event = "sale"', 1, "", "'aggregate' is missing"),
        ('aggregate = "sun"\nevent = "sale"', 2, ".aggregate", "did you mean 'sum'?"),
        ('aggregate = "count"', 1, "", "'event' is missing"),
        ('aggregate = "count"\nevent = "sales"', 3, ".event", "did you mean 'sale'?"),
        ('aggregate = "count"\nevent = 5', 3, ".event", "must be a text"),
        ('aggregate = "count"\nevent = []', 1, "", "'event' is missing"),
        ('aggregate = "count"\nof = []', 3, ".of", "needs at least one term"),
        ('aggregate = "count"\nof = [{}]', 3, ".of[0]", "'event' is missing"),
        ('aggregate = "count"\nof = ["sale"]', 3, ".of[0]", "must be a table, not a text"),
        ('aggregate = "count"\nof = "sale"', 3, ".of", "must be a list"),
        ('aggregate = "count"\nof = [{event="sale"}]\nevent = "sale"', 4, ".event", "each term"),
        ('aggregate = "count"\nevent = "sale"\nvalue = "value"', 4, ".value", "takes no value"),
        ('aggregate = "sum"\nevent = "sale"', 1, "", "'value' is missing"),
        ('aggregate = "sum"\nevent = "sale"\nvalue = "valu"', 4, ".value", "did you mean 'value'?"),
        (
            'aggregate = "sum"\nevent = "sale"\nvalue = "paid"',
            4,
            ".value",
            "is a boolean; sum needs",
        ),
        (
            'aggregate = "p90"\nevent = "refund"\nvalue = "reason"',
            4,
            ".value",
            "p90 needs an integer",
        ),
        ('aggregate = "sum"\nevent = "sale"\nvalue = "subject"', 4, ".value", "only a data field"),
        (
            'aggregate = "sum"\nevent = "visit"\nvalue = "x"',
            4,
            ".value",
            "declare it: [event.visit] data.x = ...",
        ),
        ('aggregate = "latest"\nevent = "sale"\nvalue = "time"', 4, ".value", "can't be used here"),
        ('aggregate = "avg"\nevent = "sale"\nvalue = "-value"', 4, ".value", "only sum and count"),
        ('aggregate = "sum"\nevent = "sale"\nvalue = "value"\nsign = 2', 5, ".sign", "1 or -1"),
        (
            (
                'aggregate = "latest"\n'
                'of = [{event="sale",value="paid"},{event="refund",value="reason"}]'
            ),
            1,
            "",
            "needs values of one type in all its events, not boolean, string",
        ),
        ('aggregate = "count"\nevent = "sale"\nby = ["payd"]', 4, ".by[0]", "did you mean 'paid'?"),
        (
            'aggregate = "count"\nevent = "sale"\nby = ["id"]',
            4,
            ".by[0]",
            "'id' can't be used here",
        ),
        ('aggregate = "count"\nevent = "sale"\nby = ["a b"]', 4, ".by[0]", "is not a name"),
        ('aggregate = "count"\nevent = "sale"\nby = ["paid", "paid"]', 4, ".by[1]", "listed twice"),
        ('aggregate = "count"\nevent = "sale"\nwhere = ["paid"]', 4, ".where[0]", "no ':'"),
        ('aggregate = "count"\nevent = "sale"\nwhere = [5]', 4, ".where[0]", "must be a filter"),
        ('aggregate = "count"\nevent = "sale"\nwhere = 5', 4, ".where", "must be a filter"),
        (
            'aggregate = "count"\nevent = "sale"\nwhere = { count = [[1]] }',
            4,
            ".where.count",
            "must be a filter",
        ),
        ('aggregate = "count"\nevent = "sale"\nwhere = "payd:true"', 4, ".where", "mean 'paid'?"),
        ('aggregate = "count"\nevent = "sale"\nwhere = ["count:x"]', 4, ".where[0]", "not 'x'"),
        ('aggregate = "count"\nevent = "sale"\nwhere = ["count:1*"]', 4, ".where[0]", "a prefix"),
        ('aggregate = "count"\nevent = "sale"\nwhere = ["paid:>true"]', 4, ".where[0]", "no order"),
        (
            'aggregate = "count"\nevent = "sale"\nwhere = ["count:5..1"]',
            4,
            ".where[0]",
            "before it",
        ),
        ('aggregate = "count"\nevent = "sale"\nwher = 1', 4, ".wher", "'where'?"),
        ('aggregate = "count"\nevent = "sale"\ndecimals = 19', 4, ".decimals", "from 0 to 18"),
    ],
)
def test_mistake_in_a_metric_is_named(declaration: str, line: int, key: str, part: str) -> None:
    """One mistake gives one problem, at its line and key."""
    [(found_line, found_key, reason)] = shop_mistakes(f"[metric.m]\n{declaration}")
    assert (found_line, found_key) == (line, f"metric.m{key}")
    assert part in reason


def test_bounds_of_a_metric() -> None:
    """At most 20 conditions, 8 dimensions and 50 terms."""
    conditions = ", ".join(['"paid:true"'] * 21)
    names = ", ".join(f'"n{number}"' for number in range(9))
    terms = ", ".join(['{ event = "sale" }'] * 51)
    for declaration, part in [
        (f'event = "sale"\nwhere = [{conditions}]', "at most 20 filters"),
        (f'event = "sale"\nby = [{names}]', "at most 8"),
        (f"of = [{terms}]", "at most 50"),
        (
            f'of = [{{ event = "sale", where = [{conditions[:-13]}] }}]\nwhere = ["paid:true"]',
            "at most 20 filters with those of the metric",
        ),
    ]:
        found = shop_mistakes(f'[metric.m]\naggregate = "count"\n{declaration}')
        assert any(part in reason for _, _, reason in found), part


def test_metric_of_refused_events_is_a_mistake() -> None:
    """Where undeclared event types are rejected, a metric of one would always be empty."""
    text = (
        'application = "a"\nunknown_types = "reject"\n[metric.m]\naggregate = "count"\nevent = "x"'
    )
    [(line, key, reason)] = mistakes(text)
    assert (line, key) == (5, "metric.m.event")
    assert "declare it as [event.x]" in reason


@pytest.mark.parametrize("name", ["1m", "a b", "x" * 65, "é"])
def test_name_has_to_fit_into_a_url(name: str) -> None:
    """A metric is asked for by its name."""
    [(line, _, reason)] = shop_mistakes(f'[metric."{name}"]\naggregate = "count"\nevent = "sale"')
    assert line == 1
    assert reason.startswith("a name has only letters")


TWO = """\
[metric.sum]
aggregate = "sum"
event = "sale"
value = "value"
by = ["paid", "subject"]
[metric.number]
aggregate = "count"
event = "sale"
by = ["subject", "paid", "source"]
"""


def test_ratio_has_the_dimensions_that_both_metrics_have() -> None:
    """Unless it names some of them."""
    found = shop(TWO + '[metric.r]\nratio = ["sum", "number"]\nunit = "EUR"')
    assert found.ratios == {
        "r": Ratio("r", "shop", "sum", "number", unit="EUR", by=("paid", "subject"))
    }
    named = shop(TWO + '[metric.r]\nratio = ["sum", "number"]\nby = ["data.paid"]')
    assert named.ratios["r"].by == ("paid",)
    assert list(named.metrics) == ["sum", "number"]


@pytest.mark.parametrize(
    ("declaration", "key", "part"),
    [
        ('ratio = ["sum", "numer"]', ".ratio[1]", "did you mean 'number'?"),
        ('ratio = ["sum", "r"]', ".ratio[1]", "'r' is a ratio"),
        ('ratio = ["sum"]', ".ratio", "must be two names"),
        ('ratio = "sum"', ".ratio", "must be two names"),
        ('ratio = ["sum", "number"]\nby = ["source"]', ".by", "not a dimension of both"),
        ('ratio = ["sum", "number"]\naggregate = "count"', ".aggregate", "no key here"),
    ],
)
def test_mistake_in_a_ratio_is_named(declaration: str, key: str, part: str) -> None:
    """One mistake gives one problem."""
    [(_, found_key, reason)] = shop_mistakes(f"{TWO}[metric.r]\n{declaration}")
    assert found_key == f"metric.r{key}"
    assert part in reason


def test_mistake_of_a_metric_is_not_repeated_by_its_ratio() -> None:
    """What follows from a mistake isn't a second one."""
    [(line, key, _)] = shop_mistakes(
        '[metric.a]\naggregate = "count"\nevent = "sale"\n[metric.b]\naggregate = "x"\n'
        'event = "sale"\n[metric.r]\nratio = ["a", "b"]'
    )
    assert (line, key) == (5, "metric.b.aggregate")


@pytest.mark.parametrize("aggregate", ["latest", "first"])
def test_an_attribute_is_a_text_beside_a_field(aggregate: str) -> None:
    """The store has no value that is the one or the other: the answer was an error."""
    for value, refused in (("count", True), ("paid", True), ("subject", False)):
        terms = f'{{ event = "sale", value = "{value}" }}, {{ event = "refund", value = "type" }}'
        metric = f'[metric.m]\naggregate = "{aggregate}"\nof = [{terms}]\n'
        if refused:
            assert "needs values of one type" in shop_mistakes(metric)[0][2]
        else:
            assert "m" in shop(metric).metrics
