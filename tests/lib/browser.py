"""browser - pages in Debian's Chromium, for the tests of muster serve's page.

tests/web/browser.mjs runs it; what is called here by name is playwright-core's API.
"""
import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path

from services import PATIENCE_S, ROOT

WAIT_MS = PATIENCE_S * 1000
WIDE, NARROW = {"width": 1400, "height": 850}, {"width": 390, "height": 844}


class BrowserError(AssertionError):
    pass


class Browser:
    def __init__(self, playwright, chromium):
        script = ROOT / "tests" / "web" / "browser.mjs"
        self.process = subprocess.Popen(["node", str(script), playwright, chromium], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.count = 0

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put({"error": "the browser is gone"})

    def call(self, page, path, words):
        self.process.stdin.write(json.dumps({"page": page, "call": path.split("."), "with": words}) + "\n")
        answer = self.answers.get(timeout=WAIT_MS / 1000 + 60)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["value"]

    def open(self, url):
        self.count += 1
        return Page(self, f"page-{self.count}", url)

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)


class Page:
    """`url` is where muster serve listens; a page that is closed must have had no errors."""

    def __init__(self, browser, name, url):
        self.browser, self.name, self.url = browser, name, url
        self.forgiven = ("ERR_NETWORK_CHANGED",)  # a container's network came or went: not ours
        self.call("open", {"viewport": WIDE, "colorScheme": "light", "reducedMotion": "reduce"}, WAIT_MS)

    def call(self, path, *words):
        """call("keyboard.press", "Escape")"""
        return self.browser.call(self.name, path, words)

    def sign_in(self, token):
        """By the address; again if a network that changed has kept parts of the page away."""
        for attempt in range(5):
            self.call("goto", f"{self.url}/?try={attempt}#token={token}")
            try:
                self.wait("#leave:not([hidden])", timeout=WAIT_MS if attempt == 4 else 8000)
                return self
            except BrowserError:
                if attempt == 4:
                    raise
        raise AssertionError("not reached")

    def wait(self, selector, state="visible", timeout=WAIT_MS):
        self.call("waitForSelector", selector, {"state": state, "timeout": timeout})

    def click(self, selector):
        self.call("click", selector, {"timeout": WAIT_MS})

    def fill(self, selector, text):
        self.call("fill", selector, text)

    def text(self, selector):
        return self.call("innerText", selector)

    def run(self, script):
        """The value of a JavaScript expression in the page."""
        return self.call("evaluate", script)

    def count(self, selector):
        return self.run(f"document.querySelectorAll({json.dumps(selector)}).length")

    def look(self, dark, narrow):
        self.call("setViewportSize", NARROW if narrow else WIDE)
        self.call("emulateMedia", {"colorScheme": "dark" if dark else "light"})

    def shoot(self, name):
        """A picture, if MUSTER_SCREENSHOTS names a directory for them."""
        directory = os.environ.get("MUSTER_SCREENSHOTS")
        if directory:
            Path(directory).mkdir(parents=True, exist_ok=True)
            self.call("screenshot", {"path": str(Path(directory).resolve() / f"{name}.png")})

    def forgive(self, *words):
        """Errors with one of these words are part of the test."""
        self.forgiven += words

    def close(self):
        seen = self.call("seen")
        self.call("close")
        errors = [error for error in seen["errors"] if not any(word in error for word in self.forgiven)]
        assert not errors, f"errors in the page: {errors}"
        assert seen["hosts"] == [self.url.split("//")[1]], f"the page has asked {seen['hosts']}"


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")
