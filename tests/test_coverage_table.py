"""docs/coverage.md says what the tests say, and its reader finds every place a marker can be."""

import pytest

from tools import coverage

SOURCE = """
import pytest

pytestmark = pytest.mark.covers("facebook", "receive:text")
CASES = [pytest.param(1, marks=pytest.mark.covers("facebook", "receive:sticker"))]

@pytest.mark.covers("instagram", "receive:reaction", "receive:edit")
@pytest.mark.parametrize("case", CASES)
def test_it(case): ...

class TestThem:
    @pytest.mark.covers("instagram", "send:*")
    def test_another(self): ...
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def test_document_says_what_the_tests_prove():
    text = coverage.DOCUMENT.read_text(encoding="utf-8")

    assert text == coverage.document(coverage.find_proofs()), "run `python tools/coverage.py`"


def test_marker_is_found_wherever_it_stands(root):
    proofs = coverage.find_proofs(root)

    it = coverage.Proof("tests/test_it.py", "test_it")
    other = coverage.Proof("tests/test_it.py", "test_another")
    assert proofs["facebook", "receive:text"] == {it, other}
    assert proofs["facebook", "receive:sticker"] == {it}
    assert proofs["instagram", "receive:reaction"] == {it}
    assert proofs["instagram", "send:heart"] == {other}
    assert ("instagram", "send:coupon_template") not in proofs


def test_cell_links_its_test_or_says_why_there_is_none(root):
    text = coverage.document(coverage.find_proofs(root))

    link = "[test_it](../tests/test_it.py)"
    assert f"| `sticker` | {link} | no test |" in text
    assert "| `story_reply` | — | no test |" in text
    assert "| `list_template` | → | → |" in text
    assert ("instagram", "receive:story_reply") in coverage.gaps(coverage.find_proofs(root))


@pytest.mark.parametrize("mark", ['"facebook", "receive:dance"', '"fax", "receive:text"'])
def test_unknown_cell_is_told_with_its_test(root, mark):
    source = SOURCE.replace('"instagram", "send:*"', mark)
    (root / "tests" / "test_it.py").write_text(source, encoding="utf-8")

    with pytest.raises(SystemExit, match=r"tests/test_it\.py: test_another"):
        coverage.find_proofs(root)
