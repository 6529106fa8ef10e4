"""Serves a WSGI application from one process group; no slow client ever holds a request thread.

granian (hyper) speaks HTTP/1.1, requests that have arrived completely wait in a bounded queue, and
a fixed number of threads in each worker process run the application on them.

Owns what a client may send and how slowly (`limits`), the WSGI environ and the answer (`wsgi`), and
the life and death of the worker processes (`worker`, `group`, `stopping`). Knows nothing of tokens.
It stands on parts of granian that are not its public interface, which docs/adr/0006-server.md
explains: tests/operation/test_server.py judges an upgrade of granian.
"""
