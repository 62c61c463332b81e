"""What a template may do, and that a hostile one does nothing else and costs nothing."""

import time
from datetime import date
from decimal import Decimal

import pytest

from flask_messenger.errors import ContentError, MissingVariableError
from flask_messenger.replies.rendering import (
    MAX_NODES,
    MAX_RENDERED,
    MAX_SOURCE,
    MAX_VALUE,
    check_source,
    clean_values,
    names_in,
    render,
)

VALUES = clean_values(
    {
        "name": "Maya <3",
        "nobody": None,
        "empty": "",
        "total": Decimal("12.50"),
        "due": date(2026, 11, 24),
        "count": 3,
        "order": {"number": "A-7", "items": "two", "customer": {"city": "Oslo"}},
        "thing": object(),
    }
)

HOSTILE = {
    "loop": "{% for i in range(10**9) %}x{% endfor %}",
    "loop over text": "{% for each in name %}x{% endfor %}",
    "power": "{{ 10**100000000 }}",
    "multiplication": "{{ 'x' * 1000000000 }}",
    "wide": "{{ name | center(1000000000) }}",
    "indent": "{{ name | indent(1000000000) }}",
    "format": "{{ '%1000000000d' | format(1) }}",
    "format method": "{{ '{:>1000000000}'.format(1) }}",
    "list": "{{ [name, name] | join }}",
    "call": "{{ name.upper() }}",
    "range": "{{ range(9) }}",
    "lipsum": "{{ lipsum(100000) }}",
    "class": "{{ name.__class__ }}",
    "private": "{{ order._secret }}",
    "of a constant": "{{ ''.join }}",
    "index": "{{ order['number'] }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'x' as y %}",
    "extends": "{% extends 'x' %}",
    "macro": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "assignment": "{% set a = name %}",
    "block": "{% block a %}{% endblock %}",
    "filter block": "{% filter upper %}x{% endfilter %}",
    "self": "{{ self }}",
    "unknown filter": "{{ name | xmlattr }}",
    "unknown test": "{{ name is divisibleby(0) }}",
    "large number": "{{ name | truncate(99999999999) }}",
    "infinite number": "{{ 1e400 | truncate(3) }}",
    "endless number": "{{ " + "9" * 9000 + " }}",
    "deep brackets": "{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}",
    "deep negation": "{{ " + "not " * 2000 + "name }}",
    "deep dots": "{{ name" + ".a" * 2000 + " }}",
    "many parts": "{{ name }}" * MAX_NODES,
    "long": "x" * (MAX_SOURCE + 1),
    "unfinished": "Hi {{ name",
    "unknown word": "{% explode %}",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi {{ name }}!\n", "Hi Maya <3!\n"),
        ("{{ first_name | default('there') }}", "there"),
        ("{{ nobody | default('there') }}{{ empty | default('!') }}", "there!"),
        ("{{ total }} by {{ due }}", "12.50 by 2026-11-24"),
        (
            "{{ order.number }}, {{ order.customer.city | upper }}: {{ order.items }}",
            "A-7, OSLO: two",
        ),
        ("{% if order is defined %}yes{% else %}no{% endif %}", "yes"),
        ("{{ 'many' if count > 2 and not missing is defined else 'few' }}", "many"),
        ("{{ name | truncate(4, true, '…', 0) ~ '?' }}", "May…?"),
        ("{% raw %}{{ as it is }}{% endraw %}{# nobody sees this #}", "{{ as it is }}"),
        ("no variables, 100 % plain { }", "no variables, 100 % plain { }"),
        ("one\r\ntwo }} %} #}\rthree", "one\ntwo }} %} #}\nthree"),
    ],
)
def test_text_variables_conditions_and_a_few_filters(source: str, text: str) -> None:
    assert render(source, VALUES, field="text") == text


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("Hi {{ first_name }}", "first_name"),
        ("{{ nobody }}", "nobody"),
        ("{{ empty }}", "empty"),
        ("{{ thing }}", "thing"),
        ("{{ order.colour }}", "colour"),
        ("{{ basket.first.price }}", "basket"),
        ("{{ missing | upper }}", "missing"),
        ("{% if missing %}x{% endif %}", "missing"),
        ("{{ name | default(other) }}{{ missing ~ name }}", "missing"),
    ],
)
def test_variable_without_a_value_is_named(source: str, name: str) -> None:
    with pytest.raises(MissingVariableError) as caught:
        render(source, VALUES, field="buttons[0].title")

    assert caught.value.variable == name
    assert repr(name) in str(caught.value)
    assert caught.value.field == "buttons[0].title"
    assert f"{name} | default(" in caught.value.remedy
    assert "Maya" not in str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_template_is_refused_at_once(name: str) -> None:
    started = time.process_time()

    with pytest.raises(ContentError) as caught:
        check_source(HOSTILE[name], field="text")
    with pytest.raises(ContentError):
        render(HOSTILE[name], VALUES, field="text")

    assert caught.value.field == "text"
    assert len(str(caught.value)) < 300
    assert time.process_time() - started < 5  # of the processor: a busy machine changes nothing


def test_refusal_says_what_can_be_used_and_where() -> None:
    with pytest.raises(ContentError, match=r"a loop cannot be used.*filters.*upper.*line 2"):
        check_source("Hi\n{% for a in b %}{% endfor %}", field="text")


def test_variable_of_the_host_may_have_any_name() -> None:
    values = clean_values({"self": "x", "args": "y", "first name": "z", "name": "Maya"})

    assert render("Hi {{ name }}{{ args }}", values, field="text") == "Hi Mayay"


def test_what_comes_out_is_bounded() -> None:
    source = "{{ name }}" * 40

    with pytest.raises(ContentError, match="too long"):
        render(source, clean_values({"name": "x" * 10 * MAX_VALUE}), field="text")

    assert MAX_VALUE * 40 > MAX_RENDERED


@pytest.mark.parametrize(
    "source",
    [
        "{{ order }}",
        "{{ order | upper }}",
        "{{ order ~ name }}",
        "{% if name > 3 %}{% endif %}",
        "{{ name | truncate(1) }}",  # an AssertionError of Jinja's
        "{{ name | truncate(name) }}",
        "{{ name | truncate(9, end=due) }}",
        "{{ name | truncate(**order) }}",
    ],
)
def test_value_of_the_wrong_kind_is_an_error_without_the_value(source: str) -> None:
    with pytest.raises(ContentError, match="cannot be filled in") as caught:
        render(source, VALUES, field="text")

    assert "Maya" not in str(caught.value)
    assert "Oslo" not in str(caught.value)


def test_names_of_variables_are_found() -> None:
    names = check_source(
        "{{ name }} {{ order.number }}{% if vip is defined %}!{% endif %}", field="text"
    )

    assert names == {"name", "order", "vip"}
    assert names_in("{{ a | d(b) }}{% if c.d %}{{ 'e' }}{% endif %}") == {"a", "b", "c"}
    assert names_in("none") == names_in("{{ broken") == frozenset()


def test_values_are_plain_data_only() -> None:
    deep: dict[str, object] = {"end": "x"}
    for _ in range(9):
        deep = {"in": deep}

    cleaned = clean_values({"deep": deep, "huge": 10**40, "yes": True, 7: "seven", "list": [1]})

    assert "end" not in repr(cleaned)
    assert {name: value for name, value in cleaned.items() if name != "deep"} == {
        "yes": True,
        "7": "seven",
    }
