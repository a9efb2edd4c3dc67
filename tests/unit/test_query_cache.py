"""A kept answer is true or it is gone."""

from __future__ import annotations

from livetally.query import Answer, AnswerRow, MetricQuery, parse_query
from livetally.query.cache import AnswerCache, Scope

QUERY: MetricQuery = parse_query("sales", {})
SALES = Scope(1, frozenset({"sale"}), 10, 20)


def answer(position: int, rows: int = 1) -> Answer:
    """Return an answer of so many rows."""
    return Answer(QUERY, position, None, None, [AnswerRow(None, (), 1, position)] * rows)


def touched(slot: int, kind: str = "sale", team: int = 1) -> dict[tuple[int, str], frozenset[int]]:
    """Return what a commit of one event touches."""
    return {(team, kind): frozenset({slot})}


def test_an_answer_stays_true_at_later_positions() -> None:
    """Commits of another team, type or time move its position on, and nothing else."""
    cache = AnswerCache(5)
    cache.put("q", answer(5), SALES, cache.mark())
    cache.note(6, touched(15, team=2))
    cache.note(7, touched(15, kind="visit"))
    cache.note(8, touched(9))
    cache.note(9, touched(21))
    kept = cache.get("q", 0)
    assert kept is not None
    assert (kept.position, kept.rows) == (9, answer(5).rows)


def test_a_commit_in_its_range_ends_it() -> None:
    """Both ends of the range count; without ends every slot does."""
    for slot in (10, 15, 20):
        cache = AnswerCache(5)
        cache.put("q", answer(5), SALES, cache.mark())
        cache.note(6, touched(slot))
        assert cache.get("q", 0) is None
    cache = AnswerCache(5)
    cache.put("q", answer(5), SALES._replace(first_slot=None, last_slot=None), cache.mark())
    cache.note(6, touched(-1_000_000))
    assert cache.get("q", 0) is None
    assert cache.rows == 0


def test_an_answer_that_was_overtaken_is_not_kept() -> None:
    """A commit between the mark and the put may be missing in the answer."""
    cache = AnswerCache(5)
    mark = cache.mark()
    cache.note(6, touched(15))
    cache.put("q", answer(5), SALES, mark)
    assert cache.get("q", 0) is None
    mark = cache.mark()
    cache.note(7, touched(99))
    cache.put("q", answer(6), SALES, mark)
    assert cache.get("q", 0) is not None


def test_an_answer_that_took_longer_than_is_remembered_is_not_kept() -> None:
    """When the notices since the mark are not all known, nothing is assumed."""
    cache = AnswerCache(0)
    mark = cache.mark()
    for position in range(1, 1_000):
        cache.note(position, touched(99))
    cache.put("q", answer(0), SALES, mark)
    assert cache.get("q", 0) is None


def test_the_bucket_that_begins_ends_an_open_answer() -> None:
    """An open range that is filled shows one bucket more when the next begins."""
    cache = AnswerCache(5)
    cache.put("q", answer(5), SALES._replace(until_us=1_000), cache.mark())
    assert cache.get("q", 999) is not None
    assert cache.get("q", 1_000) is None


def test_an_erasure_forgets_all_and_what_is_being_computed() -> None:
    """No answer computed before it is ever given again."""
    cache = AnswerCache(5)
    mark = cache.mark()
    cache.put("q", answer(5), SALES, mark)
    cache.clear()
    assert cache.get("q", 0) is None
    cache.put("q", answer(5), SALES, mark)
    assert cache.get("q", 0) is None


def test_it_is_bounded_by_rows() -> None:
    """The least recently used go first; one that is too large is not kept at all."""
    cache = AnswerCache(5, rows_max=1_000)
    for name in "abcdefghijk":
        cache.put(name, answer(5), SALES, cache.mark())
        cache.get("a", 0)
        assert cache.rows <= 1_000
    assert cache.get("a", 0) is not None
    assert cache.get("b", 0) is None
    cache.put("large", answer(5, rows=900), SALES, cache.mark())
    assert cache.get("large", 0) is None
