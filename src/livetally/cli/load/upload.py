"""Events leave in batches, several at a time, and are settled in the order of the file.

In the flow: receives items from ``table`` or ``objects``, sends them through ``client``, hands each
batch with its fate to ``loading``.
Guarantee: memory holds a bounded number of batches; a batch is handed on only when all before it
are acknowledged, so that the place in the file is always one up to which nothing is missing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeAlias

from livetally.cli.load.assign import Sender
from livetally.cli.load.item import Item, Refused
from livetally.client import Receipt
from livetally.client.delivery import CONFLICT
from livetally.errors import LivetallyError

__all__ = ["BATCH_ROWS", "Batch", "Settled", "full_batches", "timely_batches", "uploaded"]

# Few large commits cost the server less than many small ones.
BATCH_ROWS = 20_000
_BATCH_BYTES = 4 * 1024 * 1024
_BLOCK_ROWS = 100
_AT_A_TIME = 4
_WAITING_MAX = 2 * _AT_A_TIME

Batch: TypeAlias = list[Item | Refused]


class Settled(NamedTuple):
    """A batch whose fate is known: ``mark`` is the chain's id after its last row."""

    rows: int
    receipt: Receipt
    refused: list[Refused]
    mark: str


class _Stopped(Exception):
    """The order to stop trying."""


def uploaded(batches: Iterable[Batch], client: Sender, patience_s: float) -> Iterator[Settled]:
    """Send batches and yield each one when it is acknowledged.

    Args:
        batches: in the order of the file.
        client: to send with, from several threads.
        patience_s: for how long to try again when the server can't be reached or is busy.

    Raises:
        LivetallyError: a batch could not be sent; those yielded before are safe.
    """
    stop = threading.Event()

    def pause(s: float) -> None:
        if stop.wait(s):
            raise _Stopped

    def send(batch: Batch) -> Receipt:
        lines = [item.event for item in batch if isinstance(item, Item)]
        return client.send_lines(lines, timeout_s=patience_s, pause=pause)

    pool = ThreadPoolExecutor(_AT_A_TIME, "livetally load")
    waiting: deque[tuple[Batch, Future[Receipt]]] = deque()
    left, failed = iter(batches), None
    try:
        while True:
            try:
                batch = next(left, None)
            except LivetallyError as error:
                # The file ends early: what came before is settled all the same.
                batch, failed = None, error
            if batch is None:
                break
            waiting.append((batch, pool.submit(send, batch)))
            if len(waiting) >= _WAITING_MAX:
                yield _settled(*waiting.popleft())
        while waiting:
            yield _settled(*waiting.popleft())
        if failed is not None:
            raise failed
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def full_batches(
    items: Iterable[Item | Refused], rows: int = BATCH_ROWS, size_bytes: int = _BATCH_BYTES
) -> Iterator[Batch]:
    """Divide the items of a file: ``rows`` in a batch, fewer when they are long.

    A batch is closed by the hundred rows that take it beyond ``size_bytes``.
    """
    left = iter(items)
    batch: Batch = []
    held_bytes = 0
    failed: LivetallyError | None = None
    while failed is None:
        begin = len(batch)
        try:
            batch.extend(islice(left, min(_BLOCK_ROWS, rows)))
        except LivetallyError as error:
            failed = error
        if not (block := batch[begin:]):
            break
        held_bytes += sum(len(item.event) for item in block if isinstance(item, Item))
        if len(batch) >= rows or held_bytes >= size_bytes:
            yield batch
            batch, held_bytes = [], 0
    if batch:
        yield batch
    if failed is not None:
        raise failed


def timely_batches(
    items: Iterable[Item | Refused], delay_s: float, rows: int = BATCH_ROWS
) -> Iterator[Batch]:
    """Divide the items of a stream that may pause: none waits longer than ``delay_s`` seconds."""
    arrived: queue.Queue[Item | Refused | BaseException | None] = queue.Queue(rows)

    def read() -> None:
        try:
            for item in items:
                arrived.put(item)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it out
            arrived.put(error)
        arrived.put(None)

    threading.Thread(target=read, name="livetally read", daemon=True).start()
    last = False
    while not last:
        batch: Batch = []
        item = arrived.get()
        ends_s = time.monotonic() + delay_s
        while isinstance(item, (Item, Refused)):
            batch.append(item)
            if len(batch) == rows:
                break
            try:
                item = arrived.get(timeout=max(0.0, ends_s - time.monotonic()))
            except queue.Empty:
                break
        if batch:
            yield batch
        if isinstance(item, BaseException):
            raise item
        last = item is None


def _settled(batch: Batch, future: Future[Receipt]) -> Settled:
    """Wait for a batch; join what was refused here with what the server refused."""
    receipt = future.result()
    sent = [item for item in batch if isinstance(item, Item)]
    found = {one.index: (one.field, one.error) for one in receipt.rejected}
    found |= dict.fromkeys(receipt.conflicts, ("id", CONFLICT))
    refused = [item for item in batch if isinstance(item, Refused)]
    for index, (field, error) in found.items():
        item = sent[index]
        refused.append(Refused(item.line, field, error, item.original, item.mark))
    refused.sort(key=lambda one: one.line)
    return Settled(len(batch), receipt, refused, batch[-1].mark)
