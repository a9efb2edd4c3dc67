"""Bounds on metrics: looked at again and again, and told of when they are passed.

In the flow: receives ``Alert`` from ``definitions``, asks ``query``, keeps states and messages in
``store.catalog``, and tells people by webhook and letter.

Guarantee: each change of an alert's state is told once, by whichever process looks after it.

    judge.py     a state and a value -> the next state
    messages.py  what is said
    couriers.py  how it is brought
    keeper.py    when, by whom, and what became of it
"""

from __future__ import annotations

from livetally.alerts.couriers import Couriers, MailServer, NotDelivered, mail_server
from livetally.alerts.judge import State, Verdict, judge
from livetally.alerts.keeper import Keeper, Watched

__all__ = [
    "Couriers",
    "Keeper",
    "MailServer",
    "NotDelivered",
    "State",
    "Verdict",
    "Watched",
    "judge",
    "mail_server",
]
