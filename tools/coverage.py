"""Write docs/coverage.md: what of each channel's vocabulary is done, and which test proves it.

Rows are kinds of events and of contents, columns are channels. A test says what it proves:

    @pytest.mark.covers("facebook", "receive:sticker", "send:text")

first the channel, then cells. The marker is read from the source of the tests, so its arguments are
literal; it may stand on a test, in `pytestmark`, or in the `marks` of a parameter. `send:*` means
every content that the channel carries.

    python tools/coverage.py          writes the file
    python tools/coverage.py check    fails where it is out of date
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask_messenger.channels._degrade import RULES
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import CONTENTS
from flask_messenger.events import MESSAGE_KINDS, NOTICE_KINDS

ROOT: Final = Path(__file__).resolve().parent.parent
DOCUMENT: Final = ROOT / "docs" / "coverage.md"
MARKER: Final = "covers"
MOST_LINKS: Final = 3

INTRODUCTION: Final = """\
What of each channel's vocabulary is done, and the tests that prove it. A link is a test; — is what
Meta does not have on the channel; → is what is turned into something else there, as
[content.md](content.md) says. Written by `python tools/coverage.py`."""

FILES: Final = ("image", "video", "audio", "file")
CHANGES: Final = (
    "reaction",
    "reaction_removed",
    "edit",
    "deletion",
    "delivered",
    "read",
    "reply",
    "echo",
    "echo_other_app",
    "echo_page_inbox",
    "standby",
    "ad_referral",
    "get_started",
    "ice_breaker",
    "policy_enforcement",
    "app_roles",
    "template_status",
    "test_event",
    "comment_edited",
    "comment_removed",
    "comment_hidden",
    "live_comment",
)
"""What is received beside messages and notices: what happens to them, and where they come from."""
ACTS: Final = (
    "typing_on",
    "typing_off",
    "mark_seen",
    "reaction",
    "reply_to",
    "human_agent",
    "persona",
    "private_reply",
    "public_reply",
    "hide_comment",
    "delete_comment",
    "pass_thread",
    "take_thread",
    "request_thread",
    "release_thread",
    "extend_thread",
    "upload",
    "profile",
    "utility_templates",
    "template",
    "saved_reply",
    "backfill",
    "reconcile",
    "profiles",
)

_ONLY_MESSENGER: Final = (
    "receive:location",
    "receive:appointment",
    "receive:order",
    "receive:post",
    "receive:opt_out",
    "receive:account_linked",
    "receive:account_unlinked",
    "receive:response_feedback",
    "receive:feedback",
    "receive:customer_information",
    "receive:coupon",
    "receive:lead_form",
    "receive:label_added",
    "receive:label_removed",
    "receive:game_play",
    "receive:get_started",
    "receive:delivered",  # Instagram says what was seen, never what was delivered
    "receive:policy_enforcement",
    "receive:app_roles",
    "receive:template_status",
    "receive:comment_hidden",
    "receive:comment_edited",
    "receive:comment_removed",
    "do:persona",
    "do:utility_templates",
)
_ONLY_INSTAGRAM: Final = ("receive:story_reply", "receive:story_mention", "receive:ephemeral")
ABSENT: Final[Mapping[str, frozenset[str]]] = {
    "facebook": frozenset(_ONLY_INSTAGRAM),
    "instagram": frozenset(_ONLY_MESSENGER),
}
"""What Meta does not have on a channel. A test that proves it all the same is shown."""


@dataclass(frozen=True, slots=True, order=True)
class Proof:
    """A test, and the file it is in."""

    path: str
    test: str

    def __str__(self) -> str:
        """Return a link to it, as docs/ sees it."""
        return f"[{self.test}](../{self.path})"


@dataclass(frozen=True, slots=True)
class Section:
    """One table: its heading, what it is about, and its cells' prefix and names."""

    title: str
    text: str
    prefix: str
    rows: tuple[str, ...]


SECTIONS: Final = (
    Section(
        "Messages received",
        "What a person, or the account itself, says.",
        "receive",
        (*MESSAGE_KINDS, *FILES),
    ),
    Section(
        "Notices received",
        "What happens in a thread and is said by nobody.",
        "receive",
        NOTICE_KINDS,
    ),
    Section("Changes received", "What happens to messages, and to an account.", "receive", CHANGES),
    Section("Contents sent", "The types of `flask_messenger.content`.", "send", tuple(CONTENTS)),
    Section("Done", "What goes beside a message, and what is no message.", "do", ACTS),
)
CELLS: Final = frozenset(f"{each.prefix}:{row}" for each in SECTIONS for row in each.rows)

Proofs = Mapping[tuple[str, str], set[Proof]]


def find_proofs(root: Path = ROOT) -> Proofs:
    """Return the tests of each (channel, cell).

    Raises:
        SystemExit: a test names a channel or a cell that is not known.
    """
    found: dict[tuple[str, str], set[Proof]] = defaultdict(set)
    unknown: list[str] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        name = path.relative_to(root).as_posix()
        for test, channel, cell in _claims(ast.parse(path.read_text(encoding="utf-8"))):
            if channel not in CHANNELS or (cell not in CELLS and cell != "send:*"):
                unknown.append(f"{name}: {test}: {channel} has no {cell}")
                continue
            for each in _spread(channel, cell):
                found[channel, each].add(Proof(name, test))
    if unknown:
        raise SystemExit("\n".join(unknown))
    return found


def _spread(channel: str, cell: str) -> Iterable[str]:
    if cell != "send:*":
        return (cell,)
    return (f"send:{kind}" for kind in CHANNELS[channel].limits.contents)


def _claims(module: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield (test, channel, cell) for everything the tests of a module say they prove."""
    assigned = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for test in ast.walk(module):
        if not isinstance(test, ast.FunctionDef) or not test.name.startswith("test_"):
            continue
        nodes = [*test.decorator_list, assigned.get("pytestmark")]
        names = {
            each.id
            for node in test.decorator_list
            for each in ast.walk(node)
            if isinstance(each, ast.Name)
        }
        nodes += [assigned.get(name) for name in sorted(names)]
        for node in nodes:
            for channel, *cells in _marks(node):
                yield from ((test.name, channel, cell) for cell in cells)


def _marks(node: ast.AST | None) -> Iterator[list[str]]:
    """Yield the arguments of every marker below `node`."""
    for each in ast.walk(node) if node is not None else ():
        if isinstance(each, ast.Call) and ast.unparse(each.func) == f"pytest.mark.{MARKER}":
            yield [str(ast.literal_eval(argument)) for argument in each.args]


def document(proofs: Proofs) -> str:
    """Return the text of docs/coverage.md."""
    parts = ["# Coverage", "", INTRODUCTION, ""]
    for section in SECTIONS:
        parts += [f"## {section.title}", "", section.text, "", *_table(section, proofs), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(section: Section, proofs: Proofs) -> Iterator[str]:
    yield f"| | {' | '.join(each.title for each in CHANNELS.values())} |"
    yield f"| --- | {' | '.join('---' for _ in CHANNELS)} |"
    for row in section.rows:
        cell = f"{section.prefix}:{row}"
        shown = (_cell(channel, cell, proofs) for channel in CHANNELS)
        yield f"| `{row}` | {' | '.join(shown)} |"


def _cell(channel: str, cell: str, proofs: Proofs) -> str:
    tests = sorted(proofs.get((channel, cell), ()))
    if tests:
        more = f" and {len(tests) - MOST_LINKS} more" if len(tests) > MOST_LINKS else ""
        return ", ".join(map(str, tests[:MOST_LINKS])) + more
    return _absence(channel, cell) or "no test"


def _absence(channel: str, cell: str) -> str:
    """Return the sign for what a channel does not have; empty where it should be there."""
    prefix, _, kind = cell.partition(":")
    if prefix == "send" and kind not in CHANNELS[channel].limits.contents:
        return "→" if CONTENTS[kind] in RULES else "—"
    return "—" if cell in ABSENT.get(channel, ()) else ""


def gaps(proofs: Proofs) -> list[tuple[str, str]]:
    """Return each (channel, cell) that Meta has and no test proves."""
    return [
        (channel, cell)
        for cell in sorted(CELLS)
        for channel in CHANNELS
        if not proofs.get((channel, cell)) and not _absence(channel, cell)
    ]


def main(arguments: Sequence[str]) -> None:
    """Write the document, or say that it is out of date."""
    proofs = find_proofs()
    text = document(proofs)
    for channel, cell in gaps(proofs):
        print(f"no test: {channel} {cell}")
    if "check" not in arguments:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        raise SystemExit("docs/coverage.md is out of date: run `python tools/coverage.py`.")


if __name__ == "__main__":
    main(sys.argv[1:])
