"""An avatar server: renders what agents say, and reports what was heard."""

import sys

import anyio

from lipwire.protocol import SessionError
from lipwire.receiver import Audio, AudioIn, Interrupted, SegmentEnd, SegmentStart, serve_websocket


async def render(audio: AudioIn) -> None:
    try:
        async for item in audio:
            match item:
                case SegmentStart():
                    print(f"segment {item.segment}: {item.metadata.get('text', '')}")
                case Audio():
                    if item.position == 0:
                        audio.notify_stream_started(item.segment)
                    await anyio.sleep(item.duration)  # your renderer plays item.to_ndarray() or item.to_av() here
                    audio.notify_played(item.segment, item.end)
                case SegmentEnd():
                    audio.notify_stream_ended(item.segment, item.total)
                case Interrupted():
                    audio.notify_stream_ended(item.segments, item.consumed[0], interrupted=True)
    except SessionError as error:  # this agent vanished or broke a rule; the others go on
        print(error)


async def main(port: str = "8765") -> None:
    async with (
        serve_websocket("127.0.0.1", int(port), frame_ms=20) as acceptor,
        anyio.create_task_group() as tasks,
    ):
        print(f"listening on {acceptor.address}", flush=True)
        async for audio in acceptor:
            tasks.start_soon(render, audio)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
