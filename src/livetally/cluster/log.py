"""The log of a cluster: one JetStream stream, replicated and synced before it acknowledges.

In the flow: opened by ``server``; ``log_writer`` publishes to it, ``loader`` reads from it, leases
are kept beside it.
Guarantee: ``publish`` returns a message's number only when the stream has it on a majority of its
servers; numbers grow over all partitions and are never used twice; a stream that is kept with less
care than was asked for is refused at the start.

The stream's number of a message is the position of its events. All partitions are subjects of one
stream, so that positions are one order, as on one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from livetally.errors import NotDurable, SettingInvalid, StoreFailed
from livetally.sources import BrokerFailed, Login, connected

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import StreamConfig
    from nats.js.kv import KeyValue

__all__ = ["Log", "LogPlan", "open_log"]

_log = structlog.get_logger("livetally.cluster")

_ANSWER_S = 5
_TRIES = 3
_AGAIN_S = 0.5
_PARTITIONS = "livetally_partitions"
_BORN = "livetally_born"


class LogPlan(NamedTuple):
    """What the log is to be.

    Attributes:
        servers: addresses, separated by commas; they may hold secrets.
        prefix: what subjects begin with; the stream's name is made from it.
        replicas: on how many servers each message is to be.
        partitions: how many there are; 0 takes what the stream was made with.
        first_position: what the first message gets when the stream has to be made.
        name: how the servers show this process.
        ca: file (PEM) of who signs the servers' certificates; with it nothing is sent in the clear.
    """

    servers: str
    prefix: str
    replicas: int
    partitions: int
    first_position: int
    name: str
    ca: str = ""

    @property
    def stream(self) -> str:
        """The stream's name."""
        return f"{self.prefix.replace('.', '_')}_log"


async def open_log(plan: LogPlan) -> Log:
    """Connect, and make the stream unless it is there.

    Raises:
        SettingInvalid: the client library is missing, or the stream is not as ``plan`` wants it.
        BrokerFailed: the servers can't be reached, or refuse us.
    """
    client = await connected(plan.servers, plan.name, Login(ca=plan.ca, encrypted=bool(plan.ca)))
    try:
        for _ in range(_TRIES):
            with contextlib.suppress(BrokerFailed):  # they may be about to elect a leader
                return await _opened(client, plan)
            await asyncio.sleep(_AGAIN_S)
        return await _opened(client, plan)
    except BaseException:
        await client.close()
        raise


async def _opened(client: Client, plan: LogPlan) -> Log:
    from nats.errors import Error
    from nats.js.api import KeyValueConfig
    from nats.js.errors import BucketNotFoundError, NotFoundError

    stream = client.jetstream(timeout=_ANSWER_S)
    was_made = False
    try:
        try:
            found = (await stream.stream_info(plan.stream)).config
        except NotFoundError:
            found = await _made(stream, plan)
            was_made = True
        partitions = _checked(plan, found)
        bucket = f"{plan.stream}_state"
        try:
            state = await stream.key_value(bucket)
        except BucketNotFoundError:
            config = KeyValueConfig(bucket=bucket, history=1, replicas=plan.replicas)
            state = await stream.create_key_value(config)
    except Error as error:
        raise BrokerFailed(f"The log can't be used: {error}.") from None
    born = (found.metadata or {}).get(_BORN, "0")
    return Log(client, stream, state, plan, partitions, born, was_made=was_made)


async def _made(stream: JetStreamContext, plan: LogPlan) -> StreamConfig:
    from nats.js.api import DiscardPolicy, StorageType, StreamConfig
    from nats.js.errors import BadRequestError

    wanted = StreamConfig(
        name=plan.stream,
        subjects=[f"{plan.prefix}.log.*"],
        storage=StorageType.FILE,
        num_replicas=plan.replicas,
        discard=DiscardPolicy.NEW,  # full is an error, never a loss
        first_seq=plan.first_position,
        allow_direct=False,  # what is read is what the leader has
        deny_delete=True,
        metadata={_PARTITIONS: str(plan.partitions or 1), _BORN: secrets.token_hex(4)},
    )
    try:
        return (await stream.add_stream(wanted)).config
    except BadRequestError:  # another process was first
        return (await stream.stream_info(plan.stream)).config


def _checked(plan: LogPlan, found: Any) -> int:
    """Return the number of partitions of a stream that is as it has to be."""
    replicas = found.num_replicas or 1
    if replicas < plan.replicas:
        raise SettingInvalid(
            f"The stream {plan.stream} is on {replicas} servers, LIVETALLY_LOG_REPLICAS asks for"
            f" {plan.replicas}: change the stream with 'nats stream edit', or the setting."
        )
    partitions = int((found.metadata or {}).get(_PARTITIONS, "1"))
    if plan.partitions not in (0, partitions):
        raise SettingInvalid(
            f"The stream {plan.stream} was made with {partitions} partitions,"
            f" LIVETALLY_LOG_PARTITIONS says {plan.partitions}: leave it out. To change the number,"
            " stop the API processes, let the loaders finish, and delete the stream."
        )
    return partitions


class Log:
    """An open log. For one event loop."""

    def __init__(
        self,
        client: Client,
        stream: JetStreamContext,
        state: KeyValue,
        plan: LogPlan,
        partitions: int,
        born: str,
        *,
        was_made: bool = False,
    ) -> None:
        """Take an open connection over."""
        self._client = client
        self._stream = stream
        self.state = state
        """Small facts beside the log: leases, and how far loaders are."""
        self._plan = plan
        self.partitions = partitions
        self.was_made = was_made
        """Whether there was none before."""
        self.born = born
        """The name of this very stream; one that is made in its place has another."""
        self.message_bytes_max = client.max_payload - 4096
        """How long a message may be; the rest is for its headers."""
        self.prefix = plan.prefix
        self.replicas = plan.replicas

    @property
    def connection(self) -> tuple[Client, JetStreamContext]:
        """The connection, and what asks the servers about streams by it."""
        return self._client, self._stream

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._plan.stream

    @property
    def is_connected(self) -> bool:
        """Whether a server is connected now."""
        return self._client.is_connected

    async def publish(self, partition: int, body: bytes, number: str, deadline_s: float) -> int:
        """Return the position of a message that is durable. Tries again until ``deadline_s``.

        Args:
            partition: where it belongs.
            body: what it says.
            number: the same for each try, so that the stream has it once; if it forgets that, what
                reads the log knows an event when it sees it again.
            deadline_s: the loop's time at which to give up.

        Raises:
            NotDurable: it is not known to be there.
        """
        from nats.errors import Error, MaxPayloadError
        from nats.js.errors import APIError

        loop = asyncio.get_running_loop()
        subject = f"{self.prefix}.log.{partition}"
        reason = "no server is connected"
        while (left_s := deadline_s - loop.time()) > 0:
            try:
                headers = {"Nats-Msg-Id": number, "Nats-Expected-Stream": self.stream}
                said = await self._stream.publish(
                    subject, body, timeout=min(left_s, 3.0), headers=headers
                )
            except MaxPayloadError as error:
                raise NotDurable(f"The log takes no message of {len(body):,} bytes.") from error
            except (Error, APIError) as error:
                reason = str(error) or type(error).__name__
                await asyncio.sleep(min(_AGAIN_S, max(0.0, left_s)))
            else:
                return int(said.seq)
        _log.warning("the log took no message", reason=reason)
        raise NotDurable(f"The log does not take events now: {reason}.")

    async def last_of(self, partition: int | None = None) -> int:
        """Return the position of the last message, of a partition or of all; 0 without any.

        Asked of the stream's leader: what was acknowledged before the call is in the answer.

        Raises:
            StoreFailed: nobody answers.
        """
        from nats.errors import Error
        from nats.js.errors import NotFoundError

        try:
            if partition is None:
                info = await self._stream.stream_info(self.stream)
                return int(info.state.last_seq)
            subject = f"{self.prefix}.log.{partition}"
            message = await self._stream.get_last_msg(self.stream, subject)
            return int(message.seq or 0)
        except NotFoundError:
            return 0
        except (Error, OSError) as error:
            raise StoreFailed(f"The log does not answer: {error}.") from None

    async def before_first(self) -> int:
        """Return the position before the first message that there can be.

        Raises:
            StoreFailed: nobody answers.
        """
        from nats.errors import Error

        try:
            info = await self._stream.stream_info(self.stream)
        except (Error, OSError) as error:
            raise StoreFailed(f"The log does not answer: {error}.") from None
        return max(0, int(info.state.first_seq) - 1)

    async def drop(self, until: int) -> None:
        """Let messages up to a position go: they are in the store."""
        from nats.errors import Error

        with contextlib.suppress(Error, OSError):
            await self._stream.purge_stream(self.stream, seq=until + 1)

    async def tell(self, subject: str, body: bytes) -> None:
        """Say something to every process that listens now; who does not, misses it."""
        from nats.errors import Error

        with contextlib.suppress(Error, OSError):
            await self._client.publish(f"{self.prefix}.{subject}", body)

    async def hear(self, subject: str, heard: Callable[[bytes], Awaitable[None]]) -> None:
        """Have ``heard`` called with what anybody tells from now on, in order.

        Raises:
            BrokerFailed: it can't be listened to.
        """
        from nats.errors import Error

        async def handle(message: Any) -> None:
            await heard(message.data)

        try:
            await self._client.subscribe(
                f"{self.prefix}.{subject}", cb=handle, pending_bytes_limit=-1
            )
            await self._client.flush()
        except (Error, OSError) as error:
            raise BrokerFailed(f"The log's servers let nobody listen: {error}.") from None

    async def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(Exception):
            await self._client.close()
