"""Errors."""

from pydantic import Field

from flask_messenger.api.schemas.base import Answer


class FieldProblem(Answer):
    """One wrong field."""

    field: str
    message: str


class Problem(Answer):
    """What went wrong: problem details as of RFC 9457."""

    type: str = Field(description="Ends in a stable name; `about:blank` where the status says all.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    field: str | None = Field(None, description="The field that is wrong.")
    errors: list[FieldProblem] | None = Field(None, description="Every field that is wrong.")
    reason: str | None = Field(None, description="A stable word for why.")
    remedy: str | None = Field(None, description="What can be done instead.")
    feature: str | None = Field(None, description="What the plan does not have.")
    plan: str | None = Field(None, description="The workspace's plan.")
    needed_plan: str | None = Field(None, description="The lowest plan that has the feature.")
