"""What every model of the API shares."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from flask_messenger.inbox.pages import MAX_LIMIT

T = TypeVar("T")

StorableText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Text that a database can hold: without NUL. JSON itself refuses half a surrogate pair."""
HostId = Annotated[StorableText, StringConstraints(min_length=1, max_length=255)]
"""An id of the host's or of Meta's."""
Time = AwareDatetime


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("null", "Leave the field out instead of sending null")
    return value


MayOmit = Annotated[T | SkipJsonSchema[None], AfterValidator(_refuse_null)]
"""A field that may be left out, which reads as None, but not be `null`."""
Cursor = Annotated[str, Field(max_length=200, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many rows a page has at most.")]


def _drop_null_default(schema: dict[str, Any]) -> None:
    for described in schema.get("properties", {}).values():
        if described.get("default", 0) is None:
            del described["default"]


class Answer(BaseModel):
    """Something we say. Clients pass over fields they do not know: more may come."""

    model_config = ConfigDict(frozen=True, json_schema_mode_override="serialization")


class Question(BaseModel):
    """Something we are asked. A field we do not know is refused, or a typing error would pass."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_drop_null_default)

    may_be_left_out: ClassVar[bool] = False
    """Whether a request without any body reads as one with an empty object."""
