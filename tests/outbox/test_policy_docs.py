"""The table in the documentation is the one that decides."""

import re
from pathlib import Path

from flask_messenger.outbox.policy_table import ended_lines, table_lines

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def written_anew(page: str) -> str:
    for name, lines in (("windows", table_lines()), ("tags", ended_lines())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        table = "\n".join([begin, "", *lines, "", end])
        page = re.sub(f"{begin}.*{end}", lambda _, table=table: table, page, flags=re.DOTALL)
    return page


def test_documentation_shows_the_table_that_decides():
    page = PAGE.read_text()

    assert page == written_anew(page), "run: python -m tests.outbox.test_policy_docs"


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text()))
