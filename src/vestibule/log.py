"""The program's log: one JSON object per line on standard error, for operators. No secrets, no personal data.

What happens in a tenant is stored as events instead.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {
            name: value for name, value in vars(record).items() if name not in _STANDARD and name != "color_message"
        }
        if record.exc_info:
            line["exception"] = self._exception(record)
        return json.dumps(line, ensure_ascii=False, default=str)

    def _exception(self, record: logging.LogRecord) -> str:
        """Returns the traceback without the exception's message, which may quote what somebody sent."""
        kind, error, traceback = record.exc_info or (None, None, None)
        frames = []
        while traceback is not None:
            code = traceback.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno} {code.co_qualname}")
            traceback = traceback.tb_next
        cause = f" from {type(error.__cause__).__name__}" if error is not None and error.__cause__ else ""
        return f"{kind.__name__ if kind else 'error'}{cause} at " + " < ".join(reversed(frames))


def begin_logging(level: str) -> None:
    """Make every logger of the process write JSON lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The HTTP client would log whole URLs, which may contain a secret.
    for chatty in ("uvicorn.access", "asyncio", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING if level == "info" else level.upper())
