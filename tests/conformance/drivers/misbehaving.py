"""A driver that goes wrong in the way that its first argument names, and behaves until then.

    python misbehaving.py WAY [COMMAND] [URL]

COMMAND is the one at which it goes wrong, ``hello`` unless given. It has no implementation; URL is where its receiver
listens, nowhere unless given.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

WAY = sys.argv[1]
AT = sys.argv[2] if len(sys.argv) > 2 else "hello"
URL = sys.argv[3] if len(sys.argv) > 3 else "ws://127.0.0.1:9/"
OPTIONS = {"receiver", "sender", "websocket"}


def write(line: object) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def answer(command: dict) -> None:
    match command["do"]:
        case "hello":
            ok = {
                "protocol": 1,
                "name": "misbehaving",
                "version": "1",
                "language": "Python",
                "capabilities": sorted(OPTIONS),
            }
        case "start" if not set(command["needs"]) <= OPTIONS:
            return write({"id": command["id"], "unsupported": "a name that it does not know"})
        case "start":
            ok = {} if WAY == "nowhere" else {"url": URL}
        case "stop" | "fence":
            ok = {}
        case _ if WAY == "agreeable":
            ok = {}
        case name:
            return write({"id": command["id"], "unsupported": name})
    return write({"id": command["id"], "ok": ok})


def go_wrong(command: dict) -> None:
    number = command["id"]
    match WAY:
        case "exit":
            sys.stderr.write("a word before it leaves\n")
            sys.exit(7)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3_600)
        case "hang_for_ever":  # not even the end of its input makes it leave
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(3_600)
        case "garbage":
            write("Listening on port 8080 ...")
        case "binary":
            sys.stdout.buffer.write(b"\xff\xfe\x00\x81\n")
            sys.stdout.buffer.flush()
        case "list":
            write([1, 2])
        case "deep":
            write("[" * 100_000)
        case "out_of_order":
            write({"id": number + 1, "ok": {}})
        case "twice":
            line = json.dumps({"id": number, "ok": {"url": "ws://127.0.0.1:9/"}})
            write(f"{line}\n{line}")  # in one piece: the second is there when the first is read
        case "no_url":
            write({"id": number, "ok": {"url": "127.0.0.1:40001"}})
        case "silent_answers":
            write({"ok": {}})
        case "flood":
            line = json.dumps({"event": "error", "text": "again"}) + "\n"
            while True:
                sys.stdout.write(line * 1_000)
        case "long_line":
            sys.stdout.write("x" * (3 << 20))
            sys.stdout.flush()
            time.sleep(3_600)
        case "close_input":
            answer(command)
            os.close(0)
            time.sleep(3_600)
        case "close_output":
            os.close(1)
            time.sleep(3_600)
        case "wrong_schema":
            write({"id": number, "ok": {"surprise": True}})
        case "unknown_event":
            write({"event": "surprise"})
        case "wrong_event":
            write({"event": "audio", "segment": "one"})
        case "error":
            write({"id": number, "error": "out of luck"})
        case "other_version":
            write({"id": number, "ok": {"protocol": 2, "name": "x", "version": "", "language": "", "capabilities": []}})
        case "yes_to_all":
            write({"id": number, "ok": {"url": "ws://127.0.0.1:9/"}})
        case "refuses_all":
            write({"id": number, "refused": "no"})
        case _:
            raise SystemExit(f"there is no way {WAY}")


for raw in iter(sys.stdin.readline, ""):
    asked = json.loads(raw)
    honesty = WAY in ("twice", "no_url") and not set(asked.get("needs", ())) <= OPTIONS
    if asked["do"] == AT and not honesty:
        go_wrong(asked)
    else:
        answer(asked)
