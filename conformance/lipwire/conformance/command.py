"""``lipwire conformance``: its command line. What needs the extra ``conformance`` is imported when it is used."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

Action: TypeAlias = Callable[[argparse.Namespace], int]

INSTALL: Final = 'pip install "lipwire[conformance]"'
_PACKAGES: Final = ("jinja2", "jsonschema", "rich", "websockets", "aiohttp", "aiortc")
USAGE, HARNESS = 2, 3

EXAMPLES = """examples:
  lipwire conformance smoke --driver "node driver.js"                   is the driver itself sound?
  lipwire conformance run --driver "node driver.js" --role receiver     what does the implementation do right and wrong?
  lipwire conformance run --url ws://127.0.0.1:8765/ --html report.html
  lipwire conformance explain LW-AUDIO-1                                what SPEC.md asks, and which cases ask it
  lipwire conformance check session.jsonl                               what broke a rule in a recorded session?
  lipwire conformance listen --on ws://127.0.0.1:9000/ --to ws://127.0.0.1:8765/       … or in a live one?

A driver is a small program beside the implementation, in any language: see conformance/DRIVER.md.
Exit codes: 0 nothing failed, 1 something did, 2 wrong usage, 3 the driver (or the kit) is at fault."""
RUN_EXAMPLES = """examples:
  lipwire conformance run --driver "node driver.js" --role both --html report.html
  lipwire conformance run --driver ./driver --role sender --transport webrtc
  lipwire conformance run --driver ./driver receiver.audio LW-PAUSE-2 '*.empty'
  lipwire conformance run --driver ./driver --expected known.json --update
  lipwire conformance run --driver ./driver --manual receiver.audio.gap

Cases are named in full, by the beginning of their names, by a pattern, or by a requirement that they check.
Exit codes: 0 nothing failed, 1 something did, 2 wrong usage, 3 the driver (or the kit) is at fault."""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "conformance",
        help="test an implementation, in any language, against SPEC.md",
        description="Learn what an implementation of Lipwire does right and wrong, requirement by requirement.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_one in (_add_run, _add_smoke, _add_list, _add_explain, _add_report, _add_check, _add_listen):
        add_one(inner)


def _make(inner: Any, name: str, action: Action, summary: str, description: str, epilog: str) -> Any:
    parser = inner.add_parser(
        name, help=summary, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=_guarded(name, action))
    return parser


def _guarded(name: str, action: Action) -> Action:
    """The action, its faults told in a line with the exit code that belongs to them."""

    def guarded(arguments: argparse.Namespace) -> int:
        if missing := [package for package in _PACKAGES if find_spec(package) is None]:
            return _tell(f"`lipwire conformance {name}` needs {' and '.join(missing)}: {INSTALL}", USAGE)
        from .document import BadReport
        from .driver import HarnessError
        from .expected import BadFile
        from .recorded import BadTrace
        from .selection import UnknownName

        try:
            return action(arguments)
        except HarnessError as error:
            return _tell(f"harness error: {error}", HARNESS)
        except (Misuse, BadReport, BadFile, BadTrace, UnknownName) as error:
            return _tell(str(error), USAGE)

    return guarded


def _tell(text: str, code: int) -> int:
    print(f"lipwire: {text}", file=sys.stderr)
    return code


class Misuse(Exception):
    """Wrong usage; the text says how it is right."""


# -- run -----------------------------------------------------------------------------------------------------


def _add_run(inner: Any) -> None:
    parser = _make(
        inner, "run", _run, "run cases against an implementation",
        "Run cases against an implementation, side by side, and tell of each requirement whether it is kept.",
        RUN_EXAMPLES,
    )  # fmt: skip
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--driver", metavar="COMMAND", help="what starts the driver; no shell is involved")
    target.add_argument("--url", help="a receiver that can be reached on the wire alone: ws://HOST:PORT/…")
    parser.add_argument("--role", choices=("sender", "receiver", "both"), help="of the implementation (default: both)")
    _add_transport(parser)
    parser.add_argument("--jobs", type=_count, default=8, metavar="N", help="cases side by side (default 8)")
    _add_patience(parser)
    parser.add_argument("--expected", type=Path, metavar="FILE", help="failures that are known, each with its reason")
    parser.add_argument("--update", action="store_true", help="rewrite that file as this run wants it, keeping reasons")
    parser.add_argument(
        "--manual",
        action="store_true",
        help="for a debugger: one case at a time, each waits for Enter, nothing times out",
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="which ones; all of them unless given")
    _add_outputs(parser, json_too=True)


def _run(arguments: argparse.Namespace) -> int:
    from .run_command import run_cases

    return run_cases(arguments)


def _add_transport(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transport", choices=("websocket", "webrtc"), default="websocket", help="(default: websocket)"
    )


def _add_patience(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patience", type=_positive, default=1.0, metavar="X", help="wait so many times longer, on a slow machine"
    )


def _add_outputs(parser: argparse.ArgumentParser, *, json_too: bool) -> None:
    group = parser.add_argument_group("reports")
    if json_too:
        group.add_argument(
            "--json", type=Path, metavar="FILE", help="everything, for `report` and for programs; - is standard output"
        )
    group.add_argument("--html", type=Path, metavar="FILE", help="one page to look at, with every message")
    group.add_argument("--junit", type=Path, metavar="FILE", help="JUnit XML")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


# -- smoke ---------------------------------------------------------------------------------------------------


def _add_smoke(inner: Any) -> None:
    parser = _make(
        inner, "smoke", _smoke, "is the driver itself sound?",
        "Try the driver, step by step, and say what to do about what is wrong with it.",
        'examples:\n  lipwire conformance smoke --driver "node driver.js"\n\nExit codes: 0 it is sound, 3 it is not.',
    )  # fmt: skip
    parser.add_argument("--driver", metavar="COMMAND", required=True, help="what starts it; no shell is involved")
    _add_patience(parser)


def _smoke(arguments: argparse.Namespace) -> int:
    import asyncio

    from .smoke import smoke
    from .terminal import console

    return 0 if asyncio.run(smoke(arguments.driver, console(), patience=arguments.patience)) else HARNESS


# -- list and explain ----------------------------------------------------------------------------------------


def _add_list(inner: Any) -> None:
    parser = _make(
        inner, "list", _list, "list the cases, with the requirements that they check", "List the cases of the kit.",
        "examples:\n  lipwire conformance list\n  lipwire conformance list --role sender 'LW-CREDIT-*'\n"
        "  lipwire conformance list --json",
    )  # fmt: skip
    parser.add_argument("--role", choices=("sender", "receiver"), help="of the implementation")
    parser.add_argument("--json", action="store_true", help="one JSON array")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names, beginnings, patterns or requirement ids")


def _list(arguments: argparse.Namespace) -> int:
    from lipwire.protocol.registry import Role

    from .case import load_cases
    from .explain import described, print_list
    from .selection import select
    from .terminal import console

    roles = list(Role) if arguments.role is None else [Role(arguments.role)]
    cases = select(arguments.cases, load_cases(), roles)
    if arguments.json:
        print(json.dumps([described(case) for case in cases], indent=1, ensure_ascii=False))
    else:
        print_list(cases, console())
    return 0


def _add_explain(inner: Any) -> None:
    parser = _make(
        inner, "explain", _explain, "what stands behind a case or a requirement",
        "Quote what SPEC.md asks; of a case: why it exists, what it needs and its script; of a requirement: its cases.",
        "examples:\n  lipwire conformance explain LW-AUDIO-1\n  lipwire conformance explain receiver.segments.one",
    )  # fmt: skip
    parser.add_argument("names", nargs="+", metavar="CASE-OR-REQUIREMENT")


def _explain(arguments: argparse.Namespace) -> int:
    from .case import load_cases
    from .explain import print_case, print_requirement
    from .requirements import REQUIREMENTS
    from .selection import UnknownName, select
    from .terminal import console

    cases, out = load_cases(), console()
    for number, name in enumerate(arguments.names):
        if number:
            out.print()
        if (requirement := REQUIREMENTS.get(name.upper())) is not None:
            print_requirement(requirement, cases, out)
        elif name.upper().startswith("LW-") and "*" not in name:
            raise UnknownName(f"{name} is not in SPEC.md")
        else:
            for index, case in enumerate(select([name], cases)):
                if index:
                    out.print()
                print_case(case, out)
    return 0


# -- report --------------------------------------------------------------------------------------------------


def _add_report(inner: Any) -> None:
    parser = _make(
        inner, "report", _report, "results that were kept as JSON, as a report",
        "Show results that `run --json` kept: one run, or several side by side (`report matrix`).",
        "examples:\n  lipwire conformance report results.json --html report.html --junit report.xml\n"
        "  lipwire conformance report matrix python.json node.json go.json --html matrix.html\n\n"
        "The exit code of one run is that run's; that of a matrix is 0.",
    )  # fmt: skip
    parser.add_argument("files", nargs="+", metavar="[matrix] FILE", help="what `run --json FILE` wrote")
    _add_outputs(parser, json_too=False)


def _report(arguments: argparse.Namespace) -> int:
    from . import document, matrix, output
    from .terminal import console, summary

    out, files = console(), arguments.files
    if files[0] == "matrix":
        if len(files) < 2:
            raise Misuse("report matrix: give the files to compare")
        if arguments.junit is not None:
            raise Misuse("report matrix: JUnit XML is of one run; use --html")
        table = matrix.make([document.load(Path(name)) for name in files[1:]])
        if arguments.html is not None:  # before what whoever reads the terminal may cut short
            arguments.html.write_text(matrix.render(table), encoding="utf-8")
        matrix.show(table, out)
        if arguments.html is not None:
            out.print(f"{arguments.html}: open it in a browser", soft_wrap=True)
        return 0
    if len(files) > 1:
        raise Misuse("one file makes a report; to compare several: report matrix A.json B.json …")
    made = document.load(Path(files[0]))
    written = output.write(made, arguments)
    summary(made, out)
    for line in written:
        out.print(line, soft_wrap=True)
    code: int = made["exit_code"]
    return code


# -- check and listen ------------------------------------------------------------------------------------------


def _add_check(inner: Any) -> None:
    parser = _make(
        inner, "check", _check, "what a recorded session shows of either peer",
        "Judge recorded sessions: name each rule of SPEC.md that a peer broke, as far as the messages show it.",
        "examples:\n  lipwire conformance check session.jsonl\n  lipwire conformance check results.json --json\n\n"
        "A trace is what an AudioOut or Acceptor with trace=JsonLinesTrace(file) writes, `lipwire demo --trace`, or\n"
        "`lipwire conformance listen --trace`; the traces in what `run --json` wrote are read as well.\n"
        "A message is named by its line in the file (in a report, by its index in the trace of the case).\n"
        "Exit codes: 0 nothing was found, 1 something was, 2 wrong usage, or nothing that can be judged.",
    )  # fmt: skip
    parser.add_argument("trace", type=Path, metavar="TRACE", help="JSON lines, or a report as JSON")
    parser.add_argument("--json", action="store_true", help="one JSON object: findings, what was judged, what was not")


def _check(arguments: argparse.Namespace) -> int:
    from .recorded import load
    from .tally import Tally, finding_line
    from .terminal import console

    tally = Tally()
    tally.judge(load(arguments.trace))
    if arguments.json:
        print(json.dumps(tally.document(str(arguments.trace)), indent=1, ensure_ascii=False))
        return tally.exit_code
    out = console()
    for place, finding in tally.findings:
        out.print(finding_line(place, finding), soft_wrap=True)
    tally.show(out)
    return tally.exit_code


def _add_listen(inner: Any) -> None:
    parser = _make(
        inner, "listen", _listen, "what a live session shows of either peer",
        "Stand between two peers: pass every message on, unchanged, and name each rule of SPEC.md that one of them\n"
        "breaks, as it comes. Ctrl-C ends it.",
        "examples:\n  lipwire conformance listen --on ws://127.0.0.1:9000/ --to ws://127.0.0.1:8765/\n"
        "  lipwire conformance listen --on ws://127.0.0.1:9000/ --to wss://avatar.example/speech --trace seen.jsonl\n\n"
        "Let the connecting peer connect to --on in place of --to.\n"
        "Exit codes: 0 nothing was found, 1 something was, 2 wrong usage, or nothing that can be judged.",
    )  # fmt: skip
    parser.add_argument("--on", metavar="URL", required=True, help="where to listen: ws://HOST:PORT/; port 0: any")
    parser.add_argument("--to", metavar="URL", required=True, help="the peer that is connected to: ws:// or wss://")
    parser.add_argument("--accepts", choices=("sender", "receiver"), default="receiver",
                        help="which peer is at --to (default: receiver)")  # fmt: skip
    parser.add_argument("--trace", type=Path, metavar="FILE", help="keep every message, for `check` and `trace view`")


def _listen(arguments: argparse.Namespace) -> int:
    from .listen import listen_until_told

    return listen_until_told(arguments)
