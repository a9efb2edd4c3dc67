"""``python -m livetally``: the command line without its script.

In the flow: started by the interpreter, hands everything to ``cli``.
Guarantee: the same arguments give the same exit code as ``livetally``.
"""

from __future__ import annotations

import sys

from livetally.cli import main

if __name__ == "__main__":
    sys.exit(main())
