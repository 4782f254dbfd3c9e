"""gunicorn, with one metrics port per worker. The number of workers is WEB_CONCURRENCY, which gunicorn reads by itself.

    gunicorn --config gunicorn.conf.py shop.wsgi
"""
import os

bind = os.environ.get("BIND", "127.0.0.1:8001")  # nginx is in front
# Every worker must load the application, and with it take a port, by itself. Loaded before the fork (True), the master would hold the
# only port, and its answer would have not one request in it.
preload_app = False
# A recycled worker's counters are carried by onescrape; spread, so that they do not all end at once.
max_requests = 5000
max_requests_jitter = 500
# The heartbeat file of a worker: on a disk it can block the worker.
worker_tmp_dir = "/dev/shm"
# Its place is under the home directory, which the user of a container need not have.
control_socket_disable = True
