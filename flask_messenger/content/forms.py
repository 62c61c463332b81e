"""Templates with a purpose: a receipt, a coupon, a question, a form, news of an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from flask_messenger.content.base import Content
from flask_messenger.content.checks import Problems, is_json
from flask_messenger.content.parts import NO_EXTRAS, look_at_each

CURRENCY_LENGTH: Final = 3
COUNTRY_LENGTH: Final = 2
QUESTION_TYPES: Final = ("ces", "csat", "free_form", "nps")


@dataclass(frozen=True, slots=True, repr=False)
class ReceiptItem:
    """One line of a receipt."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    title: str
    price: float
    subtitle: str | None = None
    quantity: float | None = None
    currency: str | None = None
    image_url: str | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        problems.text(f"{at}.title", self.title, missing="A line of a receipt needs a title.")
        problems.url(f"{at}.image_url", self.image_url, required=False)


@dataclass(frozen=True, slots=True, repr=False)
class Adjustment:
    """A reduction, such as a voucher."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    name: str
    amount: float

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        problems.text(f"{at}.name", self.name, missing="Name the reduction.")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where an order goes."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    street_1: str
    city: str
    postal_code: str
    state: str
    country: str
    street_2: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """The sums of a receipt."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    total_cost: float
    subtotal: float | None = None
    shipping_cost: float | None = None
    total_tax: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ReceiptTemplate(Content):
    """The receipt of an order.

    Attributes:
        order_number: unique among the receipts of the account.
        currency: three letters, such as `EUR`.
        timestamp: when it was ordered, in seconds since 1970.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "receipt_template"

    recipient_name: str
    order_number: str
    currency: str
    payment_method: str
    summary: Summary
    elements: tuple[ReceiptItem, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    address: Address | None = None
    timestamp: int | None = None
    order_url: str | None = None
    merchant_name: str | None = None
    sharable: bool = False

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        for name in ("recipient_name", "order_number", "payment_method"):
            missing = f"A receipt names its {name.replace('_', ' ')}."
            problems.text(name, getattr(self, name), missing=missing)
        if not _is_code(self.currency, CURRENCY_LENGTH):
            problems.add("currency", "A currency has three letters, such as EUR.")
        problems.url("order_url", self.order_url, required=False)
        look_at_each(problems, "elements", self.elements)
        look_at_each(problems, "adjustments", self.adjustments)
        if self.address is not None:
            for name in ("street_1", "city", "postal_code", "state", "country"):
                missing = f"The address has no {name.replace('_', ' ')}."
                problems.text(f"address.{name}", getattr(self.address, name), missing=missing)

    @property
    def words(self) -> str | None:
        """The order and its sum."""
        return f"{self.order_number}: {self.summary.total_cost:.2f} {self.currency}"


def _is_code(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isalpha()


@dataclass(frozen=True, slots=True, repr=False)
class CouponTemplate(Content):
    """A coupon: a code that is shown at a tap, a page to use it on, or both."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "coupon_template"

    title: str
    coupon_code: str | None = None
    coupon_url: str | None = None
    subtitle: str | None = None
    coupon_url_button_title: str | None = None
    coupon_pre_message: str | None = None
    image_url: str | None = None
    payload: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("title", self.title, missing="A coupon needs a title.")
        if self.coupon_code is None and self.coupon_url is None:
            problems.add("coupon_code", "A coupon needs a code or a page to use it on.")
        problems.text("coupon_code", self.coupon_code)
        if self.coupon_code and any(map(str.isspace, self.coupon_code)):
            problems.add("coupon_code", "A code has no spaces: leave them out.")
        problems.url("coupon_url", self.coupon_url, required=False)
        problems.url("image_url", self.image_url, required=False)
        for name in ("subtitle", "coupon_url_button_title", "coupon_pre_message", "payload"):
            problems.text(name, getattr(self, name))

    @property
    def words(self) -> str | None:
        """The title."""
        return self.title


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """What a person is asked for their opinion on.

    Attributes:
        id: ours; comes back with the answer.
        type: one of `QUESTION_TYPES`.
        score_label: how the ends of the scale are named; Meta's word.
        score_option: how the scale looks, such as `five_stars`; Meta's word.
        follow_up: the placeholder of a field for more words; None for no such field.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    id: str
    type: str
    title: str | None = None
    score_label: str | None = None
    score_option: str | None = None
    follow_up: str | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        problems.text(f"{at}.id", self.id, missing="A question needs an id: it comes back.")
        problems.one_of(f"{at}.type", self.type, QUESTION_TYPES, "A question")
        problems.text(f"{at}.title", self.title)


@dataclass(frozen=True, slots=True, repr=False)
class FeedbackTemplate(Content):
    """A question for the person's opinion. The answer comes as an event."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "feedback_template"

    title: str
    button_title: str
    question: Question
    privacy_url: str
    subtitle: str | None = None
    expires_in_days: int = 1

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("title", self.title, missing="Say what the feedback is about.")
        problems.text("button_title", self.button_title, missing="The button needs a title.")
        problems.text("subtitle", self.subtitle)
        problems.url("privacy_url", self.privacy_url)
        self.question.look(problems, "question")

    @property
    def words(self) -> str | None:
        """The title."""
        return self.title


@dataclass(frozen=True, slots=True, repr=False)
class CustomerInformationTemplate(Content):
    """A form for the person's address. The answers come as an event.

    Attributes:
        countries: two letters each; only addresses in these are taken.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "customer_information_template"

    countries: tuple[str, ...]
    privacy_url: str
    expires_in_days: int = 1

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("countries", len(self.countries), least=1, what="country")
        for number, country in enumerate(self.countries):
            if not _is_code(country, COUNTRY_LENGTH):
                problems.add(f"countries[{number}]", "A country has two letters, such as US.")
        problems.url("privacy_url", self.privacy_url)


@dataclass(frozen=True, slots=True, repr=False)
class InstantFormTemplate(Content):
    """A lead form of the Page's, by its id."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "instant_form_template"

    form_id: str

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("form_id", self.form_id, missing="Name the form by its id.")


@dataclass(frozen=True, slots=True, repr=False)
class UtilityTemplate(Content):
    """News of an order or an account, by a template that Meta approved; in and after the window.

    Attributes:
        name: of the template.
        language: its code, such as `en` or `pt_BR`.
        components: what fills its placeholders, as Meta has it; `utility` makes them.
        preview: the template with its placeholders filled, for our own people.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "utility_template"

    name: str
    language: str
    components: tuple[dict[str, Any], ...] = ()
    preview: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("name", self.name, missing="Name the template.")
        problems.text("language", self.language, missing="Say the template's language.")
        for number, each in enumerate(self.components):
            if not isinstance(each.get("type"), str):
                problems.add(f"components[{number}].type", "A component has a type.")
            if not is_json(each):
                problems.add(f"components[{number}]", "A component is JSON that can be stored.")

    @property
    def words(self) -> str | None:
        """The filled template, where it is known."""
        return self.preview


def utility(
    name: str,
    language: str,
    *,
    body: Mapping[str, str] | None = None,
    header: Mapping[str, str] | None = None,
    preview: str | None = None,
) -> UtilityTemplate:
    """Return a utility message; `header` and `body` fill placeholders by their names."""
    components = [
        {
            "type": type_,
            "parameters": [
                {"type": "text", "parameter_name": key, "text": text} for key, text in given.items()
            ],
        }
        for type_, given in (("header", header), ("body", body))
        if given
    ]
    return UtilityTemplate(name, language, tuple(components), preview)
