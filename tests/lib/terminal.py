"""terminal - a program on a terminal of its own, as a person has it: what it shows, what is typed."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from services import PATIENCE_S

# What moves the cursor, colours and clears: ECMA-48 control sequences, and a window's title.
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-B]?")


class Terminal:
    """`command` with a terminal of `columns` for its three streams."""

    def __init__(self, command, columns=80, env=None):
        self.raw = ""
        self.fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
        os.close(inner)

    def type(self, text):
        os.write(self.fd, text.encode())

    def _read(self, timeout):
        """False at the end: Linux answers EIO once nobody holds the other side."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.raw += piece.decode(errors="replace")
        return bool(piece)

    @property
    def text(self):
        """Without colours and the like."""
        return SEQUENCE.sub("", self.raw).replace("\r\n", "\n")

    def wait_for(self, pattern, timeout=PATIENCE_S):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            assert time.monotonic() < end and self._read(0.1), f"{pattern!r} is not in {self.raw!r}"
        return self

    def wait_end(self, timeout=PATIENCE_S):
        """Its exit code."""
        end = time.monotonic() + timeout
        while self._read(0.1):
            assert time.monotonic() < end, f"still there: {self.raw!r}"
        return self.process.wait(PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
