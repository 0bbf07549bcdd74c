"""The playground's server: what it answers, and whom it does not."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from revc.grammar.format import format_source
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.picture.show import show
from revc.playground import server as serving
from revc.playground.answers import FILE, answer
from revc.playground.page import examples, page
from revc.playground.server import MOST_BODY, MOST_THREADS, Playground
from tests.lsp.corpus import TEXTS
from tests.playground.serving import served

GOOD = "dim B\nblock A(a, b: [B, 2]) {\n  a += tanh(b)\n}\nmodel M(a, b: [B, 2]) {\n  A(a, b)\n}\n"


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with served(GOOD) as server:
        yield server


def request(
    server: Playground, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body; a header is left out if it is empty."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    given = {"Host": f"127.0.0.1:{server.server_port}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if method == "POST":
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | given
    for name, value in given.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    found = reply.status, dict(reply.getheaders()), reply.read()
    connection.close()
    return found


def ask(server: Playground, what: str, text: str) -> Any:
    body = json.dumps(text).encode()
    status, headers, found = request(server, "POST", f"/{server.word}/{what}", body)
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    return json.loads(found)


# --- answers ------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(playground: Playground) -> None:
    status, headers, body = request(playground, "GET", f"/{playground.word}/")
    text = body.decode()
    assert status == 200
    assert "a += tanh(b)" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    nonce = headers["Content-Security-Policy"].partition("nonce-")[2].partition("'")[0]
    assert text.count("<script") == text.count(f'nonce="{nonce}"') == 2
    assert not any(mark in text for mark in ("src=", "href=", "http://", "https://", "@import"))


def test_each_page_has_a_nonce_of_its_own(playground: Playground) -> None:
    pages = [request(playground, "GET", f"/{playground.word}/")[2] for _ in range(2)]
    assert pages[0] != pages[1]


def test_a_text_cannot_end_its_place_in_the_page() -> None:
    shown = page("</textarea><script>alert(1)</script>", "n")
    assert "<script>" not in shown
    assert all(name in shown for name in examples())


@pytest.mark.parametrize("name", TEXTS)
def test_an_answer_is_what_the_commands_say(name: str) -> None:
    text = TEXTS[name]
    found: Any = answer(text)
    result = lint(text if "\n" in text else f"{text}\n")
    if "\n" in text:
        shown = [(one["code"], one["message"], one["line"]) for one in found["findings"]]
        assert shown == [(one.code, one.message, one.span.line) for one in result.findings]
        verdicts = [(one["subject"], one["verdict"]) for one in found["verdicts"]]
        assert verdicts == [(proof.subject, proof.verdict) for proof in result.proofs]
    denied = any(one["level"] == "deny" for one in found["findings"])
    assert denied <= (found["picture"] is None)
    assert (found["inverse"] is None) == (found["no_inverse"] is not None) or denied


def test_drawing_and_inverse_are_those_of_the_commands(playground: Playground) -> None:
    found = ask(playground, "check", GOOD)
    assert found["picture"] == show(GOOD)
    assert found["inverse"] == invert(GOOD)
    assert found["findings"] == []
    assert [one["verdict"] for one in found["verdicts"]] == ["PROVED", "PROVED"]


def test_offsets_are_units_of_utf_16(playground: Playground) -> None:
    text = GOOD.replace("tanh(b)", "tanh(b)  # 𝔊").replace("A(a, b)", "A(a, z)")
    (found,) = ask(playground, "check", f"# 𝔊\n{text}")["findings"]
    units = f"# 𝔊\n{text}".encode("utf-16-le")
    assert units[2 * found["start"] : 2 * found["end"]].decode("utf-16-le") == "z"


def test_formatting_is_that_of_revc_fmt(playground: Playground) -> None:
    messy = GOOD.replace("  a +=", "   a  +=")
    assert ask(playground, "format", messy) == {"text": format_source(messy)}
    assert ask(playground, "format", "model M(") == {"text": None}


def test_why_there_is_no_inverse(playground: Playground) -> None:
    lost = "dim B\nmodel M(a: [B]) {\n  forget a\n}\n"
    found = ask(playground, "check", lost)
    assert found["inverse"] is None
    assert "forgets" in found["no_inverse"]


def test_a_bug_of_ours_is_told(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, folder: object) -> dict[str, object]:
        raise serving.InternalError("no such thing")

    monkeypatch.setitem(serving.Handler.ANSWERS, "check", broken)
    assert "a bug in revc : no such thing" in ask(playground, "check", GOOD)["bug"]


# --- who is answered ----------------------------------------------------------------------------


def test_it_listens_on_loopback_alone(playground: Playground) -> None:
    assert playground.server_address[0] == "127.0.0.1"
    assert playground.url.startswith("http://127.0.0.1:")
    assert len(playground.word) >= 20


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:80", ""])
def test_another_host_is_refused(playground: Playground, host: str) -> None:
    path = f"/{playground.word}/"
    assert request(playground, "GET", path, Host=host)[0] == 421
    assert request(playground, "POST", f"{path}check", b'""', Host=host)[0] == 421


def test_localhost_is_no_other_host(playground: Playground) -> None:
    host = f"localhost:{playground.server_port}"
    assert request(playground, "GET", f"/{playground.word}/", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_another_site_is_refused(playground: Playground, origin: str) -> None:
    path = f"/{playground.word}/check"
    assert request(playground, "POST", path, b'""', Origin=origin)[0] == 403
    own = f"http://127.0.0.1:{playground.server_port}"
    assert request(playground, "POST", path, b'""', Origin=own)[0] == 200


@pytest.mark.parametrize("path", ["/", "/check", "/wrong/", "/wrong/check", "//", "/ä/"])
def test_who_does_not_know_the_word_is_refused(playground: Playground, path: str) -> None:
    quoted = path.encode().decode("latin-1") if path.isascii() else "/%C3%A4/"
    assert request(playground, "GET", quoted)[0] == 404
    assert request(playground, "POST", quoted, b'""')[0] == 404


def test_nothing_but_page_and_answers_is_there(playground: Playground) -> None:
    for rest in ("check", "../pyproject.toml", "x/y", "playground.js"):
        assert request(playground, "GET", f"/{playground.word}/{rest}")[0] == 404
    assert request(playground, "POST", f"/{playground.word}/")[0] == 404
    assert request(playground, "PUT", f"/{playground.word}/check")[0] == 501


def test_bodies_are_bounded_and_texts(playground: Playground) -> None:
    path = f"/{playground.word}/check"
    assert request(playground, "POST", path, Content_Length=str(MOST_BODY + 1))[0] == 413
    assert request(playground, "POST", path, Content_Length="9" * 40)[0] == 413
    assert request(playground, "POST", path, Content_Length="-1")[0] == 411
    assert request(playground, "POST", path, Content_Length="")[0] == 411
    assert request(playground, "POST", path, b"{")[0] == 400
    assert request(playground, "POST", path, b"[1]")[0] == 400
    assert request(playground, "POST", path, b"[" * 100_000)[0] == 400
    assert request(playground, "POST", path, b"\xff")[0] == 400
    assert request(playground, "POST", path, b'""', Content_Type="text/plain")[0] == 415


def test_a_long_text_is_a_finding(playground: Playground) -> None:
    (found,) = ask(playground, "check", "#" * ((1 << 20) + 1))["findings"]
    assert (found["code"], found["message"][:23]) == ("S001", "the file is larger than")


def test_surrogates_alone_are_no_traceback(playground: Playground) -> None:
    body = b'"dim B \\ud800"'
    status, _, found = request(playground, "POST", f"/{playground.word}/check", body)
    assert status == 200
    assert json.loads(found)["findings"][0]["code"] == "S001"


def test_who_says_nothing_takes_no_room_for_ever() -> None:
    """Idle connections fill the threads; one more is closed, and when they go there is room."""
    server = Playground(GOOD)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    idle = [socket.create_connection(server.server_address) for _ in range(MOST_THREADS)]
    extra = socket.create_connection(server.server_address, timeout=20)
    assert extra.recv(1) == b""
    for one in (*idle, extra):
        one.close()
    for _ in range(200):
        try:
            status = request(server, "GET", f"/{server.word}/")[0]
            break
        except (http.client.HTTPException, ConnectionError):
            threading.Event().wait(0.05)
    assert status == 200
    server.shutdown()
    server.server_close()
    thread.join()


def test_texts_find_files_beside_the_one_that_was_opened(tmp_path: Any) -> None:
    (tmp_path / "part.rev").write_text("dim B\nblock P(a, b: [B]) {\n  a += tanh(b)\n}\n")
    text = "use part: P\ndim B\nmodel M(a, b: [B]) {\n  P(a, b)\n}\n"
    assert [one["code"] for one in answer(text)["findings"]] == ["S002"]  # type: ignore[attr-defined]
    found: Any = answer(text, tmp_path)
    assert found["findings"] == []
    assert "uncall P(a, b)" in found["inverse"]
    assert FILE not in found["inverse"]
