"""A headless Chromium, spoken to through a pipe (the Chrome DevTools Protocol): pages as people see them."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--remote-debugging-pipe", "--disable-background-networking", "--hide-scrollbars"),
]

# Where Chromium looks for its pipes: by another program, as a process with threads is not to be forked in Python.
_AS_THREE_AND_FOUR = """
import fcntl, os, sys
low, high = (fcntl.fcntl(int(name), fcntl.F_DUPFD, 10) for name in sys.argv[1:3])
os.dup2(low, 3)
os.dup2(high, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page; what its console says is kept until it is asked for."""

    def __init__(self, write: int, read: int):
        self._write, self._read, self._rest = write, read, b""
        self._number, self._session, self._said = 0, None, []
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Until it has loaded."""
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._hear()

    def run(self, body: str) -> Any:
        """What the body of a JavaScript function returns, waited for where it is a promise."""
        answer = self.call(
            "Runtime.evaluate",
            expression=f"(async () => {{{body}}})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str, seconds: float = 60.0) -> bool:
        """Whether a JavaScript expression comes true in time."""
        end = time.monotonic() + seconds
        while not (found := self.run(f"return !!({condition})")) and time.monotonic() < end:
            time.sleep(0.2)
        return found

    def resize(self, width: int, dark: bool) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )

    def print(self) -> bytes:
        """The page on A4, as PDF."""
        from base64 import b64decode

        size = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        return b64decode(self.call("Page.printToPDF", **size)["data"])

    def errors(self) -> list[str]:
        """What the console has said since it was asked last."""
        said, self._said = self._said, []
        return said

    def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._hear()).get("id") != self._number:
            pass
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _hear(self) -> dict[str, Any]:
        """The next message; events are noted."""
        while b"\0" not in self._rest:
            received = os.read(self._read, 1 << 20)
            assert received, "the browser has closed"
            self._rest += received
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                self._said.append(message["params"]["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled" if message["params"]["type"] == "error":
                self._said.append(str(message["params"]["args"]))
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self._said.append(message["params"]["entry"]["text"])
        return message


@contextmanager
def browser():
    """A `Browser`, closed at the end."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            [sys.executable, "-c", _AS_THREE_AND_FOUR, str(theirs_in), str(theirs_out), *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Browser(ours_out, ours_in)
        finally:
            process.terminate()
            process.wait()
            os.close(ours_out)
            os.close(ours_in)
