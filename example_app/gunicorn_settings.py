"""How gunicorn serves the CRM. Gunicorn reads these names; see its settings reference."""

import os

from example_app.environment import LOCAL_HOST, Ports, var_dir

bind = f"{LOCAL_HOST}:{Ports.from_environ(os.environ).crm}"
# Every open inbox holds a thread for its server-sent events.
worker_class = "gthread"
workers = 2
threads = 32
# Open event streams never end by themselves; do not wait for them when stopping.
graceful_timeout = 1
control_socket_disable = True
errorlog = "-"
accesslog = str(var_dir(os.environ) / "log" / "web-access.log")
# The path without its query: a login's code and Meta's verify token travel there.
access_log_format = '%(t)s "%(m)s %(U)s" %(s)s %(B)s %(D)sus'
