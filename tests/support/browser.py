"""Headless Chromium, driven through the pipe of its DevTools protocol: no port, no driver to install."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHOUT = "Chromium is not installed (apt-get install chromium)"
LIMIT_S = 60.0
# Nothing of its own leaves the machine. The sandbox needs rights that root in a container does not have.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--remote-debugging-pipe",
)


class Page:
    """A page of the browser. `requests` are the addresses that it asked for, `errors` what its scripts threw."""

    def __init__(self, process: subprocess.Popen[bytes], send: int, receive: int) -> None:
        self._process, self._send, self._receive = process, send, receive
        self._buffer, self._calls = b"", 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol, and its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        """The next message; events are noted."""
        deadline = time.monotonic() + LIMIT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._receive, 1 << 20)
            assert data, "Chromium ended"
            self._buffer += data
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]))
        elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(message["params"]["entry"]["text"])
        return message

    def open(self, address: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """The value of an expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + LIMIT_S
        while not self.evaluate(condition):
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)

    def key(self, name: str) -> None:
        """Press a key: a character, or Enter, Backspace, Tab."""
        codes = {"Enter": 13, "Backspace": 8, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}
        about: dict[str, Any] = {"key": name, "windowsVirtualKeyCode": codes.get(name, ord(name[0].upper()))}
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def write(self, text: str) -> None:
        """Type into the focused field."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click into the middle of an element, which is brought into view."""
        place = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def tap(self, selector: str) -> None:
        """The same with a finger."""
        place = self._middle(selector)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[place])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def _middle(self, selector: str) -> dict[str, float]:
        element = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getBoundingClientRect())")
        return {"x": box[0], "y": box[1]}

    def look(self, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        """How wide the window is, and whether the person likes it dark and has a finger for a mouse."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, file: Path) -> None:
        """A PNG of the window."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(folder: Path, downloads: Path | None = None) -> Iterator[Page]:
    """A page of a browser of its own.

    Args:
        folder: for its profile; the same one again is the same person later.
        downloads: where files are saved.
    """
    assert CHROMIUM, WITHOUT
    to_read, send = os.pipe()
    receive, to_write = os.pipe()
    # Chromium reads its orders from descriptor 3 and answers on 4.
    command = [
        "bash",
        "-c",
        f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}',
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={folder}",
    ]
    environment = os.environ | {"HOME": str(folder)}
    with subprocess.Popen(
        command, pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(to_read)
        os.close(to_write)
        try:
            page = Page(process, send, receive)
            if downloads is not None:
                page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
            yield page
            page.call("Browser.close")
            process.wait(LIMIT_S)
        finally:
            process.kill()
            os.close(send)
            os.close(receive)
