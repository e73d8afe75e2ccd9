"""A person at a terminal: a program on a pty of its own."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time


class Session:
    def __init__(self, arguments, environment, rows=24, columns=80):
        self.seen = ""
        self.master, inner = pty.openpty()
        self.settings = termios.tcgetattr(self.master)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.master)
            os.login_tty(inner)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            try:
                os.execvpe(arguments[0], arguments, environment)
            finally:
                os._exit(120)
        os.close(inner)

    def type(self, text):
        os.write(self.master, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern, seconds=15):
        """Reads until the pattern is there; what comes after it is left for the next call."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen, re.S)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if not self.read(end - time.monotonic()):
                raise AssertionError(f"waited in vain for {pattern!r}; there is {self.seen!r}")

    def read(self, seconds):
        if seconds <= 0 or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            text = os.read(self.master, 65536).decode(errors="replace")
        except OSError:  # EIO: the other side is closed
            return False
        self.seen += text
        return bool(text)

    def is_raw(self):
        return not termios.tcgetattr(self.master)[3] & termios.ICANON

    def end(self, seconds=15):
        """The exit code, or 128 and the signal; the terminal must be as it was."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0.1):
                    pass
                assert termios.tcgetattr(self.master) == self.settings, "the terminal's settings are not what they were"
                os.close(self.master)
                return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        raise AssertionError(f"it does not end; there is {self.seen!r}")
