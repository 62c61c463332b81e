"""Run the simulated Meta: `python -m flask_messenger.simulator`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from types import FrameType

from werkzeug.serving import make_server

from flask_messenger.simulator.app import create_simulator
from flask_messenger.simulator.settings import DEFAULTS, SimulatorSettingError
from flask_messenger.simulator.state import KEY

OPTIONS = {
    "--host": "SIMULATOR_HOST",
    "--port": "SIMULATOR_PORT",
    "--database": "SIMULATOR_DATABASE",
    "--callback-url": "SIMULATOR_CALLBACK_URL",
    "--redirect-uri": "SIMULATOR_REDIRECT_URI",
    "--deauthorize-url": "SIMULATOR_DEAUTHORIZE_URL",
    "--data-deletion-url": "SIMULATOR_DATA_DELETION_URL",
    "--speed": "SIMULATOR_SPEED",
    "--public-url": "SIMULATOR_PUBLIC_URL",
}


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flask_messenger.simulator", description=__doc__)
    for option, name in OPTIONS.items():
        shown = DEFAULTS[name] or "from host and port"
        parser.add_argument(option, dest=name, help=f"also {name} (default: {shown})")
    chosen = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        app = create_simulator(chosen)
    except SimulatorSettingError as error:
        print(error, file=sys.stderr)  # noqa: T201  (this is a command)
        return 2
    state = app.extensions[KEY]
    settings = state.settings
    try:
        server = make_server(settings.host, settings.port, app, threaded=True)
    except (OSError, SystemExit):
        state.close()
        print(  # noqa: T201
            f"Port {settings.port} is in use: set SIMULATOR_PORT or --port to another one.",
            file=sys.stderr,
        )
        return 1
    server.daemon_threads = True  # an open chat page must not hold up the end

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print(f"Simulated Meta at {settings.base_url}/", flush=True)  # noqa: T201
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    state.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
