"""A headless Chromium for the tests of the page, where there is one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage", "window-size=1280,900",
)  # fmt: skip
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Start a browser with a fresh profile; skip the test where there is none."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the extra dev")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_page_load_timeout(120)
    started.set_script_timeout(120)
    try:
        yield started
    finally:
        started.quit()


class Page:
    """An open page, and what a reader does with it."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def open(self, path: Path, scheme: str = "light", width: int = 1280, media: str = "screen") -> None:
        """Open a page in a colour scheme, for a screen or for paper, and wait for its script and its plot."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features, "media": media})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.get_log("browser"), self.browser.get_log("performance")
        self.browser.get("about:blank")
        self.browser.get(path.as_uri())
        self.wait(
            "const plot = document.querySelector('#scatter');"
            "return document.documentElement.dataset.ready === 'yes' && (!plot || plot.dataset.drawn === 'yes');"
        )

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def wait(self, condition: str) -> None:
        """Wait until a script returns something true."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, 30, poll_frequency=0.05).until(
            lambda browser: browser.execute_script(condition)
        )

    def insist(self, act: Callable[[], object], condition: str) -> None:
        """Do something with the mouse until a script returns something true: a busy machine drops moves."""
        from selenium.webdriver.support.wait import WebDriverWait

        def done(browser: Any) -> Any:
            act()
            return browser.execute_script(condition)

        WebDriverWait(self.browser, 30, poll_frequency=0.2).until(done)

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def type(self, text: str) -> None:
        self.run(
            "const box = document.querySelector('#search'); box.value = arguments[0];"
            "box.dispatchEvent(new Event('input'));",
            text,
        )

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that can be seen."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((one) => one.getClientRects().length).map((one) => one.textContent)",
            selector,
        )
        return found

    def complaints(self) -> list[str]:
        """What the console says since the page was opened."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def requests(self) -> list[str]:
        """Everything that was asked for since the page was opened, other than the page and data in it."""
        messages = (json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance"))
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("file:", "data:", "about:", "blob:"))]
