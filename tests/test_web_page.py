"""The live page, as a browser shows it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import PATIENCE, Server, answer, ask, connect, fake_server, read_all, running_server

webdriver = pytest.importorskip("selenium.webdriver", reason="there is no selenium")
CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("there is no chromium with a chromedriver", allow_module_level=True)

pytestmark = pytest.mark.live

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,800",
)
MARKUP = "<img src=x onerror=alert(1)><b>Ann</b>"


class Page:
    """The page of a server, in a browser."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.browser = browser
        self.complaints()  # of the last page
        browser.get(server.wait_for(r"Watch at (\S+)")[1])

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """What the first element that matches `selector` says."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def count(self, selector: str) -> int:
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def wait_until(self, condition: Callable[[], object]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05).until(lambda _: condition())

    def complaints(self) -> list[str]:
        """What the console of the browser says, such as that the security policy was violated."""
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    options = ("--web", "tcp:0:interface=127.0.0.1", "--name", "Server of Bob", "--number", "58")
    with running_server(tmp_path, "--stop-on", "never", "--quiet", *options) as server:
        yield server


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Page]:
    """The page of `server`, which is closed before that ends."""
    yield Page(browser, server)
    browser.get("about:blank")


def test_a_class_connects(page: Page, server: Server) -> None:
    page.wait_until(lambda: page.text("#state") == "Live")
    assert page.browser.title == "Server of Bob: sum exchange"
    assert page.text("h1") == "Server of Bob"
    assert f"Connect to 127.0.0.1 port {server.port} (TCP)" in page.text("#no-exchanges")
    assert page.text("#no-errors") == "Nothing so far."

    ask(server.port, b"Client of Ann,42\n")
    ask(server.port, json.dumps({"name": MARKUP, "number": 1}).encode())
    ask(server.port, b"Client of Tim,42.0\n")
    page.wait_until(lambda: page.count("#exchange-rows tr") == 2 and page.count("#error-rows li"))
    first, second = page.run(
        "return [...document.querySelectorAll('#exchange-rows tr')].map("
        "row => [...row.cells].map(cell => cell.textContent))"
    )
    assert first[1:6] == [MARKUP, "1 + 58", "59", "json", "TCP"]
    assert second[1:6] == ["Client of Ann", "42 + 58", "100", "comma", "TCP"]
    assert second[6].endswith(" ms")
    assert page.count("tbody img, tbody b") == 0
    assert not page.run("return document.querySelector('#no-exchanges').checkVisibility()")
    error = page.text("#error-rows li")
    assert "'42.0' is not an integer" in error
    assert "Write the integer in digits alone, as in 'Client of Ann,42'" in error
    page.wait_until(lambda: page.text("#minute-total") == "2")
    assert page.text("#exchanges-total") == "2"
    assert page.text("#errors-total") == "1"
    label = "return document.getElementById('chart').getAttribute('aria-label')"
    assert page.run(label).startswith("2 exchanges in the last minute, at most ")
    assert page.complaints() == []


def test_a_begun_message_is_shown_while_it_waits(page: Page, server: Server) -> None:
    assert not page.run("return document.querySelector('#waiting').checkVisibility()")
    with connect(server.port) as peer:
        peer.sendall(b"<b>Ann</b>")
        page.wait_until(lambda: page.count("#waiting-rows li"))
        assert "I have '<b>Ann</b>'; a separator and a number are missing" in page.text("#waiting")
        assert page.count("#waiting b") == 0
        peer.sendall(b",42\n")
        assert peer.recv(1024)
        page.wait_until(lambda: not page.count("#waiting-rows li"))
    assert not page.run("return document.querySelector('#waiting').checkVisibility()")
    assert page.complaints() == []


def test_a_flood(page: Page, server: Server) -> None:
    for _ in range(5):
        ask(server.port, b"Client of Ann,42\n" * 500)
    page.wait_until(lambda: page.text("#exchanges-total") == "2,500")
    assert page.count("#exchange-rows tr") == 200
    assert page.complaints() == []


def test_pause_and_resume_by_the_keyboard(page: Page, server: Server) -> None:
    from selenium.webdriver.common.keys import Keys

    ask(server.port, b"Client of Ann,42\n")
    page.wait_until(lambda: page.count("#exchange-rows tr") == 1)
    page.browser.switch_to.active_element.send_keys(Keys.TAB)
    assert page.run("return document.activeElement.id") == "pause"
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    ask(server.port, b"Client of Bob,42\nClient of Eve,42\n")
    page.wait_until(lambda: page.text("#pause") == "Resume (2 new)")
    assert page.text("#exchanges-total") == "3"
    assert page.count("#exchange-rows tr") == 1
    page.browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert page.count("#exchange-rows tr") == 3
    assert page.text("#pause") == "Pause"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_can_be_read(page: Page, server: Server, scheme: str) -> None:
    """The contrast is 4.5 or more, as WCAG 2 wants it, in either scheme."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    ask(server.port, b"Client of Ann,42\n")
    ask(server.port, b"Client of Ann,42.0\n")
    page.wait_until(lambda: page.count("#exchange-rows tr") and page.count("#error-rows li"))
    card = luminance(
        page.run("return getComputedStyle(document.querySelector('section')).backgroundColor")
    )
    assert (card > 0.5) == (scheme == "light")
    for selector in (
        "td",
        "td.quiet",
        "td.sum",
        "tbody th",
        "dd",
        "dt",
        ".why",
        ".meta",
        "#state",
        "button",
    ):
        color = "return getComputedStyle(document.querySelector(arguments[0])).color"
        dark, light = sorted((luminance(page.run(color, selector)), card))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, selector


def luminance(color: str) -> float:
    """The relative luminance, as WCAG 2 has it, of ``rgb(1, 2, 3)``."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_server_stops_and_comes_back(page: Page, server: Server, tmp_path: Path) -> None:
    with connect(server.port) as peer:
        peer.sendall(b"Client of Ann,42\n")
        assert peer.recv(1024)
        page.wait_until(lambda: page.count("#exchange-rows tr") == 1)
        page.browser.find_element("id", "pause").click()
        server.process.terminate()
        assert read_all(peer) == b""
        page.wait_until(lambda: page.text("#state") == "Stopping: SIGTERM")
    page.wait_until(lambda: page.text("#state") == "The server has stopped")
    assert server.wait() == 0
    port = server.wait_for(r"Watch at http://127.0.0.1:(\d+)")[1]
    with running_server(tmp_path, "--web", f"tcp:{port}:interface=127.0.0.1"):
        page.wait_until(lambda: page.text("#state") == "Live")
        assert page.text("#exchanges-total") == "0"
        assert page.count("#exchange-rows tr") == 1  # what was paused stays
        page.browser.find_element("id", "pause").click()
        assert page.count("#exchange-rows tr") == 0


FETCH = """
const [method, path, done] = arguments;
const body = method == "POST" ? "Ann,101" : undefined;
fetch(path, {method, body}).then(() => done("answered"), () => done("failed"));
"""


@pytest.mark.parametrize(
    ("method", "path"), [("101", "/"), ("Ann|101", "/"), ("POST", "/"), ("0011", "/Client,101")]
)
def test_a_page_of_the_same_origin_stops_nothing(
    browser: Any, tmp_path: Path, method: str, path: str
) -> None:
    """After DNS rebinding a page has the origin of the server, and chooses the method."""
    page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"
    with fake_server(answer(page)) as port:
        browser.get(f"http://127.0.0.1:{port}/")
    with running_server(tmp_path, "--port", port) as server:
        assert browser.execute_async_script(FETCH, method, path) == "failed"
        server.wait_for("this is HTTP")
        assert ask(server.port, b"Ann,42\n").startswith(b"Server of ")
    browser.get("about:blank")
