"""The store: a folder and a bucket behave alike; a file is there whole, or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flask_messenger.errors import FileUnavailableError, NotFoundError
from flask_messenger.media.store import PIECE_BYTES, Store, new_key, workspace_folder

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """The address of a real S3, as far as it speaks HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_options(s3_url: str) -> dict[str, Any]:
    return {
        "key": "test",
        "secret": "test",
        "endpoint_url": s3_url,
        "client_kwargs": {"region_name": "us-east-1"},
    }


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Store((tmp_path / "kept").as_uri(), {})
    s3_url = request.getfixturevalue("s3_url")
    boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket="media")
    return Store("s3://media/some/prefix", s3_options(s3_url))


@pytest.fixture
def content() -> bytes:
    return bytes(range(256)) * (PIECE_BYTES // 256) * 3


def put(store: Store, tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "scratch"
    path.write_bytes(content)
    key = new_key("w1", NOW)
    store.put(key, str(path))
    return key


def read(store: Store, key: str, **values: int) -> bytes:
    pieces = store.read(key, **values)
    try:
        return b"".join(pieces)
    finally:
        pieces.close()


def test_file_comes_back_in_pieces(store: Store, tmp_path: Path, content: bytes) -> None:
    key = put(store, tmp_path, content)

    pieces = store.read(key)
    found = list(pieces)
    pieces.close()

    assert b"".join(found) == content
    assert max(map(len, found)) <= PIECE_BYTES
    assert store.has(key)


def test_part_of_a_file_is_read_alone(store: Store, tmp_path: Path, content: bytes) -> None:
    key = put(store, tmp_path, content)

    assert read(store, key, start=10, end=300) == content[10:300]
    assert read(store, key, start=len(content) - 5, end=len(content)) == content[-5:]


def test_deleted_file_is_gone_and_may_be_deleted_again(store: Store, tmp_path: Path) -> None:
    key = put(store, tmp_path, b"x")

    store.delete(key)
    store.delete(key)

    assert not store.has(key)
    with pytest.raises(NotFoundError):
        store.read(key)


def test_folder_that_cannot_be_written_is_said_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no folder")
    (tmp_path / "scratch").write_bytes(b"x")

    with pytest.raises(FileUnavailableError, match=r"The store failed \(\w+\)\.") as caught:
        Store((tmp_path / "kept").as_uri(), {}).put("w-1/a", str(tmp_path / "scratch"))

    assert caught.value.reason == "media_not_stored"


def test_half_written_file_is_not_found(tmp_path: Path) -> None:
    store = Store((tmp_path / "kept").as_uri(), {})
    folder = tmp_path / "kept" / "w-1"
    folder.mkdir(parents=True)
    (folder / "a.part").write_bytes(b"half")

    assert not store.has("w-1/a")
    store.delete("w-1/a")
    assert list(folder.iterdir()) == []


def test_keys_are_random_and_of_their_workspace() -> None:
    keys = {new_key("w1", NOW) for _ in range(50)}

    assert len(keys) == 50
    assert all(key.startswith("w-w1/2026/11/") for key in keys)


@pytest.mark.parametrize("workspace_id", ["../up", "a/b", "", "a b", "x" * 65, "\N{SNOWMAN}"])
def test_workspace_with_an_odd_name_has_a_folder_of_its_own(workspace_id: str) -> None:
    folder = workspace_folder(workspace_id)

    assert folder.startswith("h-")
    assert folder.removeprefix("h-").isalnum()
