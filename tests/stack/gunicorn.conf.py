"""gunicorn for the tests; bind address and application come on the command line, the number of workers as WEB_CONCURRENCY."""

# The control socket would be one under the home directory, shared by every instance.
control_socket_disable = True
# A worker stopped by a test must not be killed by its master meanwhile.
timeout = 300
graceful_timeout = 20
# Kept beside the application's own directory: other file systems may be slow.
worker_tmp_dir = "/dev/shm"
