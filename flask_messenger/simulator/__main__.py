"""Run the simulated Meta: `python -m flask_messenger.simulator`."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from types import FrameType

from werkzeug.serving import ThreadedWSGIServer

from flask_messenger.simulator.app import create_simulator
from flask_messenger.simulator.settings import DEFAULTS, SimulatorSettingError, SimulatorSettings
from flask_messenger.simulator.state import KEY

OPTIONS = {
    "--host": "SIMULATOR_HOST",
    "--port": "SIMULATOR_PORT",
    "--database": "SIMULATOR_DATABASE",
    "--callback-url": "SIMULATOR_CALLBACK_URL",
    "--redirect-uri": "SIMULATOR_REDIRECT_URI",
    "--deauthorize-url": "SIMULATOR_DEAUTHORIZE_URL",
    "--data-deletion-url": "SIMULATOR_DATA_DELETION_URL",
    "--instagram-deauthorize-url": "SIMULATOR_INSTAGRAM_DEAUTHORIZE_URL",
    "--instagram-data-deletion-url": "SIMULATOR_INSTAGRAM_DATA_DELETION_URL",
    "--speed": "SIMULATOR_SPEED",
    "--public-url": "SIMULATOR_PUBLIC_URL",
}


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m flask_messenger.simulator", description=__doc__
    )
    for option, name in OPTIONS.items():
        shown = DEFAULTS[name] or "from host and port"
        parser.add_argument(option, dest=name, help=f"also {name} (default: {shown})")
    chosen = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        settings = SimulatorSettings.from_mapping(chosen)
        listener = socket.create_server((settings.host, settings.port))
    except SimulatorSettingError as error:
        print(error, file=sys.stderr)  # noqa: T201  (this is a command)
        return 2
    except OSError as error:
        problem = f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}."
        print(problem, "SIMULATOR_PORT or --port sets another port.", file=sys.stderr)  # noqa: T201
        return 1
    app = create_simulator(chosen)
    server = ThreadedWSGIServer(settings.host, settings.port, app, fd=listener.fileno())

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print(f"Simulated Meta at {settings.base_url}/", flush=True)  # noqa: T201
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    listener.close()
    app.extensions[KEY].close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
