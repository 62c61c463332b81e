"""What is not fetched: addresses that lead elsewhere, bodies without an end, bombs."""

import socket
import ssl
import struct
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_messenger.errors import FileRefusedError, FileUnavailableError
from flask_messenger.media import words
from flask_messenger.media.addresses import Hosts, find_target
from flask_messenger.media.download import Downloaded, Limits, download
from flask_messenger.media.kinds import check_kind
from flask_messenger.settings import META_MEDIA_HOSTS
from tests.media.conftest import FileServer, Received, picture, run_server

LIMITS = Limits(max_bytes=200_000, seconds=20)


@pytest.fixture
def media_settings() -> dict[str, Any]:
    return {
        "MESSENGER_MEDIA_MAX_BYTES": {"image": 200_000},
        "MESSENGER_MEDIA_MAX_PIXELS": 1_000_000,
    }


def fetch(url: str, hosts: Hosts, limits: Limits = LIMITS) -> Downloaded:
    return download(url, BytesIO(), hosts=hosts, limits=limits)


def reason_of(url: str, hosts: Hosts, limits: Limits = LIMITS) -> str:
    with pytest.raises((FileRefusedError, FileUnavailableError)) as caught:
        fetch(url, hosts, limits)
    return caught.value.reason


def simulated(files: FileServer, *names: str) -> Hosts:
    return Hosts(names, files.url)


def port_of(server: FileServer) -> int:
    return urlsplit(server.url).port or 0


@pytest.mark.parametrize(
    "url",
    [
        "https://example.test/photo.jpg",
        "https://fbcdn.net.example.test/photo.jpg",
        "https://evilfbcdn.net/photo.jpg",
        "https://fbcdn.net/photo.jpg",  # the setting says: something before it
        "http://scontent.fbcdn.net/photo.jpg",
        "ftp://scontent.fbcdn.net/photo.jpg",
        "file:///etc/passwd",
        "//scontent.fbcdn.net/photo.jpg",
        "https://scontent.fbcdn.net@example.test/photo.jpg",
        "https://user:word@scontent.fbcdn.net/photo.jpg",
        "https://example.test/?.fbcdn.net",
        "https://scontent.fbcdn.net:99999/photo.jpg",
        "https://[::1/photo.jpg",
        "https://",
        "",
        "photo.jpg",
        "https://scontent.fbcdn.net/a b",
        "https://scontent.fbcdn.net/a\r\nHost: other",
        "https://scontent.fbcdn.net/\N{LATIN SMALL LETTER E WITH ACUTE}",
        "https://scontent.fbcdn.net/" + "a" * 9_000,
    ],
)
def test_address_that_is_not_metas_is_refused(url: str) -> None:
    assert reason_of(url, Hosts(META_MEDIA_HOSTS)) == words.HOST_REFUSED


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.7", "192.168.1.1", "172.16.0.1", "169.254.169.254",
     "0.1.2.3", "100.64.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]",
     "[::ffff:10.0.0.7]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "[ff02::1]",
     "[::7f00:1]", "[::ffff:0:7f00:1]", "[64:ff9b:1::7f00:1]", "[fec0::1]", "[2001::1]",
     "[3fff::1]", "192.0.0.8", "192.88.99.1", "255.255.255.255"],
)  # fmt: skip
def test_private_address_is_refused_although_its_name_is_allowed(
    host: str, neighbour: FileServer
) -> None:
    allowed = Hosts((host.strip("[]"),))

    assert reason_of(f"https://{host}:{port_of(neighbour)}/x", allowed) == words.PRIVATE_ADDRESS
    assert neighbour.asked == []


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Have every name resolve to these addresses; return the names that were asked for."""
    asked: list[str] = []

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_name_that_resolves_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, "10.0.0.7")

    hosts = Hosts(META_MEDIA_HOSTS)
    assert reason_of("https://scontent.fbcdn.net/x", hosts) == words.PRIVATE_ADDRESS


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "157.240.1.1", "127.0.0.1")

    hosts = Hosts(META_MEDIA_HOSTS)
    assert reason_of("https://scontent.fbcdn.net/x", hosts) == words.PRIVATE_ADDRESS


def test_connection_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, files: FileServer
) -> None:
    url = files.serve("/photo.png", picture((9, 9), "PNG")).replace("127.0.0.1", "files.localhost")
    hosts = Hosts((), files.url.replace("127.0.0.1", "files.localhost"))
    asked = resolve_to(monkeypatch, "127.0.0.1")

    fetch(url, hosts)

    assert asked == ["files.localhost"]  # once: a second answer could be another
    assert files.asked[0][1]["Host"] == f"files.localhost:{port_of(files)}"


def test_public_address_of_a_name_of_metas_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "157.240.1.1")

    target = find_target("https://Scontent.FBCDN.net/v/x.jpg?a=b", Hosts(META_MEDIA_HOSTS))

    assert (target.host, target.port, target.path) == ("scontent.fbcdn.net", 443, "/v/x.jpg?a=b")
    assert target.addresses == ((socket.AF_INET, ("157.240.1.1", 443)),)


def test_redirect_within_is_followed(files: FileServer) -> None:
    files.serve("/there", b"x" * 10)

    assert fetch(files.redirect("/here", "/there"), simulated(files)).size_bytes == 10


@pytest.mark.parametrize("allowed", [(), ("127.0.0.1",)])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_redirect_to_a_neighbour_is_refused(
    files: FileServer, neighbour: FileServer, scheme: str, allowed: tuple[str, ...]
) -> None:
    to = f"{scheme}://127.0.0.1:{port_of(neighbour)}/secret"
    url = files.redirect("/here", to)

    expected = words.PRIVATE_ADDRESS if allowed and scheme == "https" else words.HOST_REFUSED
    assert reason_of(url, simulated(files, *allowed)) == expected
    assert neighbour.asked == []


@pytest.mark.parametrize("to", ["file:///etc/passwd", "https://[::1", "gopher://x/", "//[/"])
def test_redirect_to_no_address_is_refused(files: FileServer, to: str) -> None:
    assert reason_of(files.redirect("/here", to), simulated(files)) == words.HOST_REFUSED


def test_redirects_without_an_end_are_refused(files: FileServer) -> None:
    url = files.redirect("/round", "/round")

    assert reason_of(url, simulated(files)) == words.TOO_MANY_REDIRECTS
    assert len(files.asked) == 4


def test_simulator_is_its_own_port_only(files: FileServer, neighbour: FileServer) -> None:
    assert reason_of(neighbour.serve("/x", b"x"), simulated(files)) == words.HOST_REFUSED
    assert reason_of(files.serve("/x", b"x"), Hosts(META_MEDIA_HOSTS)) == words.HOST_REFUSED


def test_body_that_says_it_is_too_large_is_not_read(files: FileServer) -> None:
    url = files.serve("/x", b"", Content_Length="200001")

    assert reason_of(url, simulated(files)) == words.TOO_LARGE


def test_body_without_an_end_is_cut_off(files: FileServer) -> None:
    sent = 0

    def pour(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        while not files.ending.is_set():
            sent += request.wfile.write(b"x" * 10_000)

    assert reason_of(files.answer("/x", pour), simulated(files)) == words.TOO_LARGE
    assert sent < 50_000_000  # what fits into the buffers between


def test_chunks_without_an_end_are_cut_off(files: FileServer) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while not files.ending.is_set():
            request.wfile.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")

    assert reason_of(files.answer("/x", pour), simulated(files)) == words.TOO_LARGE


@pytest.mark.parametrize("drips", ["body", "chunked", "headers", "nothing"])
def test_what_drips_ends_with_its_time(files: FileServer, drips: str) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        if drips == "nothing":
            files.ending.wait(20)
        if drips == "headers":
            request.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        else:
            request.send_response(200)
            if drips == "chunked":
                request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
        while not files.ending.wait(0.02):
            request.wfile.write(b"1\r\nx\r\n" if drips == "chunked" else b"x")
            request.wfile.flush()

    limits = Limits(max_bytes=10_000_000, seconds=0.6)
    began = time.monotonic()

    assert reason_of(files.answer("/x", drip), simulated(files), limits) == words.TIMED_OUT
    assert time.monotonic() - began < 15


def test_packed_body_is_refused_unread(files: FileServer) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    url = files.serve("/bomb.jpg", bomb, Content_Encoding="deflate")

    assert reason_of(url, simulated(files)) == words.ENCODED


def test_empty_body_is_refused(files: FileServer) -> None:
    assert reason_of(files.serve("/x", b""), simulated(files)) == words.EMPTY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_address_whose_time_is_over_says_so(files: FileServer, status: int) -> None:
    assert reason_of(files.serve("/x", b"", status=status), simulated(files)) == words.GONE


def test_server_that_is_away_may_be_back_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    url = f"http://127.0.0.1:{port}"
    assert reason_of(f"{url}/x", Hosts((), url)) == words.UNREACHABLE


@pytest.mark.parametrize(
    ("type_", "content"),
    [
        ("image", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
        ("image", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("image", b"%PDF-1.7\n"),
        ("video", picture((9, 9), "PNG")),
        ("audio", picture((9, 9), "PNG")),
        ("sticker", b"MZ\x90\0" + b"\0" * 100),
    ],
)
def test_file_that_is_not_what_it_was_said_to_be_is_refused(type_: str, content: bytes) -> None:
    with pytest.raises(FileRefusedError) as caught:
        check_kind(content, type_)

    assert caught.value.reason == words.WRONG_TYPE


@pytest.mark.databases("sqlite")
def test_refused_file_says_why_and_leaves_nothing(
    received: Received, files: FileServer, tmp_path: Path
) -> None:
    page = b"<!DOCTYPE html><html>" + b" " * 50_000
    row = received.attach(files.serve("/photo.jpg", page, Content_Type="image/jpeg"))

    found = received.fetch(row)

    assert (found.state, found.error_slug) == ("refused", "media_wrong_type")
    assert (found.storage_key, found.next_attempt_at) == (None, None)
    assert [each for each in (tmp_path / "media").rglob("*") if each.is_file()] == []


def bomb_of_pixels(width: int, height: int) -> bytes:
    """Return a PNG of few bytes that says it is large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000_000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.databases("sqlite")
def test_picture_of_too_many_pixels_is_refused(received: Received, files: FileServer) -> None:
    url = files.serve("/bomb.png", bomb_of_pixels(60_000, 60_000))

    found = received.fetch(received.attach(url))

    assert (found.state, found.error_slug) == ("refused", "media_too_large")


@pytest.mark.databases("sqlite")
def test_broken_picture_is_kept_without_a_small_one(received: Received, files: FileServer) -> None:
    found = received.fetch(received.attach(files.serve("/x.jpg", picture()[:3_000])))

    assert (found.state, found.thumbnail_key) == ("stored", None)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for `files.localhost`, with its key, that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("files.localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "files.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def safe_files(certificate: Path) -> Iterator[FileServer]:
    """A server of files that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from run_server(context)


@pytest.fixture
def fresh_trust() -> Iterator[None]:
    """Have it read anew which certificates are trusted."""
    from flask_messenger.media.download import _tls  # noqa: PLC0415 - only here

    _tls.cache_clear()
    yield
    _tls.cache_clear()


@pytest.mark.usefixtures("fresh_trust")
def test_server_is_asked_over_tls_by_its_name(
    monkeypatch: pytest.MonkeyPatch, safe_files: FileServer, certificate: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    resolve_to(monkeypatch, "127.0.0.1")
    url = safe_files.serve("/x", b"x" * 10)

    assert fetch(url, Hosts((), safe_files.url)).size_bytes == 10


@pytest.mark.usefixtures("fresh_trust")
def test_certificate_that_nobody_trusts_ends_it(
    monkeypatch: pytest.MonkeyPatch, safe_files: FileServer
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    hosts = Hosts((), safe_files.url)
    assert reason_of(safe_files.serve("/x", b"x"), hosts) == words.UNREACHABLE
    assert safe_files.asked == []
