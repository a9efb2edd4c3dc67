"""Live questions: answered again, cheaply, whenever a commit touches them.

question.py  what can be asked live; metric.py, entities.py, tail.py: the kinds of questions
topic.py     one open question: its rows and who follows it; topics.py: all of them
stream.py    one client; telling.py: one change on its way; frames.py: their bytes
rounds.py    answers touched questions again, from commits or from the store, and tells
upkeep.py    signs of life, and the end of streams
hub.py       the door of the room
"""

from __future__ import annotations

from livetally.live.entities import EntitiesQuestion
from livetally.live.hub import Hub, HubLimits
from livetally.live.metric import MetricQuestion, Wire
from livetally.live.question import Question, Reply, RowKey, Rows, Touched
from livetally.live.rounds import Pace
from livetally.live.stream import Outlet, Resume, Stream
from livetally.live.tail import TailQuestion
from livetally.live.topic import Place
from livetally.live.upkeep import Patience

__all__ = [
    "EntitiesQuestion",
    "Hub",
    "HubLimits",
    "MetricQuestion",
    "Outlet",
    "Pace",
    "Patience",
    "Place",
    "Question",
    "Reply",
    "Resume",
    "RowKey",
    "Rows",
    "Stream",
    "TailQuestion",
    "Touched",
    "Wire",
]
