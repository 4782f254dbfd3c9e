# Add these lines to wsgi.py; README.md says what else it takes.
import onescrape_last_words

try:
    import uwsgi
except ImportError:
    pass  # not under uWSGI: manage.py runserver
else:
    uwsgi.atexit = onescrape_last_words.send
