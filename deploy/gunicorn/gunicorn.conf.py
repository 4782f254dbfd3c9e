# Add these lines to gunicorn's configuration; README.md says what else it takes.


def worker_exit(server, worker):
    import onescrape_last_words  # here, since it must be the worker's own

    onescrape_last_words.send()
