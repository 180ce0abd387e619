"""Progress output of the bench, on standard error, so that standard output has only the report."""

import signal
import sys
from collections.abc import Callable


def tell(text: str) -> None:
    """A line that stays."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{clear}{text}", file=sys.stderr, flush=True)


def show(text: str) -> None:
    """A line that the next one overwrites; nothing at all where it would only fill a log."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def leave_with(main: Callable[[], int]) -> None:
    """Run a program of the bench and end with its exit code. Ctrl-C and SIGTERM stop the servers first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = main()
    except KeyboardInterrupt:
        tell("stopped")
        code = 130
    sys.exit(code)
