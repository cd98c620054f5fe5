"""``python -m bulkeditor``: the demo and the sandbox from the command line."""

from __future__ import annotations

import sys

from bulkeditor.errors import MissingExtraError

_USAGE_ERROR = 2


def main() -> int:
    """Run the command line.

    Returns:
        The exit code, when the command line cannot start at all; commands exit by themselves.
    """
    try:
        # Here and not above: only now is it known that somebody wants the extra.
        from bulkeditor.cli import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(f"{MissingExtraError('sandbox', feature='The command line')}\n")
        return _USAGE_ERROR
    cli(prog_name="bulkeditor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
