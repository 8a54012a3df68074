"""A headless Chromium, driven through chromedriver's own protocol (W3C WebDriver): pages as people see them."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """One window."""

    def __init__(self, address: str, session: str):
        self._session = f"{address}/session/{session}"

    def call(self, method: str, path: str, **body: Any) -> Any:
        return ask(method, f"{self._session}/{path}", body)

    def open(self, url: str) -> None:
        self.call("POST", "url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.call("POST", "execute/sync", script=script, args=list(arguments))

    def resize(self, width: int, dark: bool) -> None:
        scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        self.chrome("Emulation.setEmulatedMedia", scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.chrome("Emulation.setDeviceMetricsOverride", size)

    def chrome(self, command: str, parameters: dict[str, Any]) -> Any:
        return self.call("POST", "goog/cdp/execute", cmd=command, params=parameters)

    def errors(self) -> list[str]:
        """What the console has said since it was asked last."""
        return [e["message"] for e in self.call("POST", "se/log", type="browser") if e["level"] == "SEVERE"]


def ask(method: str, url: str, body: dict[str, Any]) -> Any:
    data = None if method == "GET" else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=300) as answer:
        return json.load(answer)["value"]


@contextmanager
def browser(port: int = 9517):
    """A `Browser`, closed at the end."""
    address = f"http://localhost:{port}"
    process = subprocess.Popen([str(DRIVER), f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                if ask("GET", f"{address}/status", {})["ready"]:
                    break
            except (URLError, ConnectionError):
                time.sleep(0.2)
        options = {
            "binary": CHROMIUM,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        }
        asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = ask("POST", f"{address}/session", {"capabilities": {"alwaysMatch": asked}})
        window = Browser(address, made["sessionId"])
        try:
            yield window
        finally:
            ask("DELETE", f"{address}/session/{made['sessionId']}", {})
    finally:
        process.terminate()
        process.wait()
