"""Names of people, firms, places and things that nobody has.

In the flow: read by ``drawing``.
Guarantee: a name is made of parts, so that there are many; the lists are never reordered, because a
seed stands for places in them.
"""

from __future__ import annotations

from livetally.definitions import Names
from livetally.simulate.chance import Chance

__all__ = ["made_up"]

_FIRST = (
    *("Ada", "Amara", "Anders", "Aylin", "Bao", "Carla", "Chidi", "Dana", "Elif", "Emil"),
    *("Farah", "Femi", "Goran", "Hanna", "Ines", "Ivo", "Jonas", "Kaja", "Kenji", "Leila"),
    *("Liv", "Mateo", "Mina", "Nadia", "Nils", "Noor", "Olga", "Omar", "Priya", "Ravi"),
    *("Rosa", "Sami", "Sofia", "Tariq", "Tove", "Uma", "Vera", "Yusuf", "Zofia", "Zoe"),
)
_LAST = (
    *("Abara", "Adler", "Berg", "Bianchi", "Brandt", "Castillo", "Dahl", "Demir", "Duarte"),
    *("Eriksen", "Farkas", "Fischer", "Haddad", "Hansen", "Horvat", "Ito", "Jansen", "Kaya"),
    *("Khan", "Kowal", "Larsen", "Lindqvist", "Mensah", "Moreau", "Nakamura", "Novak", "Okoye"),
    *("Olsen", "Patel", "Petrov", "Quist", "Rahman", "Rossi", "Sato", "Silva", "Tanaka", "Vega"),
)
_FIRM = ("Birk", "Cedar", "Delta", "Ember", "Fjord", "Granit", "Harbor", "Juniper", "Kestrel")
_TRADE = ("Foods", "Labs", "Logistics", "Partners", "Press", "Studio", "Systems", "Textiles")
_TOWN_BEGIN = ("Alder", "Brook", "Clear", "East", "Grand", "High", "Lake", "North", "Oak", "Stone")
_TOWN_END = ("bridge", "dale", "field", "ford", "haven", "mouth", "port", "stead", "ton", "wick")
_LOOK = ("Blue", "Folding", "Green", "Heavy", "Light", "Oak", "Red", "Small", "Steel", "Tall")
_THING = ("basket", "bicycle", "bottle", "chair", "desk", "jacket", "kettle", "lamp", "mug", "rug")


def made_up(which: Names, chance: Chance) -> str:
    """Draw a name."""
    match which:
        case Names.FIRST:
            return _one(_FIRST, chance)
        case Names.LAST:
            return _one(_LAST, chance)
        case Names.COMPANY:
            return f"{_one(_FIRM, chance)} {_one(_TRADE, chance)}"
        case Names.CITY:
            return _one(_TOWN_BEGIN, chance) + _one(_TOWN_END, chance)
        case Names.PRODUCT:
            return f"{_one(_LOOK, chance)} {_one(_THING, chance)}"
        case Names.PERSON:
            return f"{_one(_FIRST, chance)} {_one(_LAST, chance)}"


def _one(names: tuple[str, ...], chance: Chance) -> str:
    return names[chance.whole(0, len(names) - 1)]
