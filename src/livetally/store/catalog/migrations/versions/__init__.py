"""One file per step: ``<revision>_v<release>_<order>_<purpose>.py``; see ``migrate.REVISIONS``."""
