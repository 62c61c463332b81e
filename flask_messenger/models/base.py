"""What every table of ours shares: the declarative base, column shapes and the workspace mixin."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import uuid_utils
import uuid_utils.compat
from sqlalchemy import JSON, DateTime, Dialect, MetaData, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on SQLite, which keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; hand SQLite the UTC wall clock."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "A time without a zone cannot be stored."
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as aware UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


RANDOM_BITS: Final = 80
"""Of a UUIDv7: all that is not its time in milliseconds."""

JsonColumn = JSON().with_variant(JSONB(), "postgresql")


def new_id() -> uuid.UUID:
    """Return a UUIDv7: sorted by time, known before the insert."""
    return uuid_utils.compat.uuid7()


def new_id_bytes() -> bytes:
    """Return a new id as its 16 bytes, for who makes thousands and asks nothing else of them."""
    return uuid_utils.uuid7().bytes


def new_id_at(when: datetime) -> uuid.UUID:
    """Return a UUIDv7 that sorts as if it had been made at `when`, an aware time."""
    milliseconds = int(when.timestamp() * 1000)
    rest = new_id().int & ((1 << RANDOM_BITS) - 1)
    return uuid.UUID(int=(milliseconds << RANDOM_BITS) | rest)


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


UuidKey = Annotated[uuid.UUID, mapped_column(primary_key=True, default=new_id)]
CreatedAt = Annotated[datetime, mapped_column(default=utc_now)]
UpdatedAt = Annotated[datetime, mapped_column(default=utc_now, onupdate=utc_now)]
HostRef = Annotated[str, mapped_column(String(255))]
"""An id of the host's own, as text."""
MetaId = Annotated[str, mapped_column(String(255))]
"""An id of Meta's: an opaque string, whatever it looks like today."""
ShortName = Annotated[str, mapped_column(String(64))]


class Base(DeclarativeBase):
    """The declarative base of our tables; a host's own base stays its own."""

    if TYPE_CHECKING:
        __table__: ClassVar[Table]

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        uuid.UUID: Uuid(),
        dict[str, Any]: JsonColumn,
        Mapping[str, Any]: JsonColumn,
        list[str]: JsonColumn,
    }

    def __repr__(self) -> str:
        # Rows carry people's data: a repr ends up in logs, so it shows what the row is, no more.
        return f"<{type(self).__name__} {getattr(self, 'id', None)}>"


class WorkspaceScoped:
    """Mixin of every model whose rows belong to one workspace; what the ORM wall looks for."""

    workspace_id: Mapped[HostRef] = mapped_column()  # assigned: the ORM wall asks the mixin itself
