"""A headless Chromium driven through its own pipe: no server, no package."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--remote-debugging-pipe"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
# Chromium reads commands from descriptor 3 and answers on 4.
START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page; ``with Browser(profile) as browser: browser.open(path)``."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM
        self.command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.count, self.session = 0, ""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> "Browser":
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        ends = (str(theirs_in), str(theirs_out))
        command = [sys.executable, "-c", START, *ends, *self.command]
        self.process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.to, self.back = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        try:
            self._attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _attach(self) -> None:
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.to.close()
        self.back.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol and its result; events that come first are kept."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()
        while (answer := self._next()).get("id") != self.count:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (letter := self.back.read(1)) != b"\0":
            assert letter, "the browser ended"
            text += letter
        return json.loads(text)

    def open(
        self,
        path: Path,
        fragment: str = "",
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        touch: bool = False,
    ) -> None:
        """The page, loaded, with its scripts run and its network ready."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri() + fragment)
        self.wait("document.body.className")

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        self.evaluate(
            f"new Promise((done) => {{ const look = () => {{ try {{ if ({condition}) return done(); }} catch {{}} "
            "setTimeout(look, 20); }; look(); })"
        )

    def press(self, key: str) -> None:
        """One key, by its name."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)

    def draw(self, points: Sequence[tuple[float, float]], *, touch: bool = False) -> None:
        """One stroke with the mouse or a finger, points in pixels of the window."""
        for index, (x, y) in enumerate([*points, points[-1]]):
            kind = 0 if index == 0 else 2 if index == len(points) else 1
            if touch:
                at = [] if kind == 2 else [{"x": x, "y": y}]
                self.call(
                    "Input.dispatchTouchEvent", type=("touchStart", "touchMove", "touchEnd")[kind], touchPoints=at
                )
            else:
                name = ("mousePressed", "mouseMoved", "mouseReleased")[kind]
                self.call("Input.dispatchMouseEvent", type=name, x=x, y=y, button="left", buttons=1, clickCount=1)
