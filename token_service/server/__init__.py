"""Serves a WSGI application from one process group; no slow client ever holds a request thread.

In each worker process one loop (uvloop) speaks HTTP/1.1 by httptools' parser. Requests that have
arrived completely wait in bounded queues for a fixed number of threads that run the application, or
are answered by the loop itself, several at once, where the application has a short way.

Owns what a client may send and how slowly (`limits`, `connection`), the WSGI environ and the answer
(`wsgi`), who waits for what (`waiting`, `together`), and the life and death of the worker processes
(`worker`, `group`, `stopping`). Knows nothing of tokens. docs/adr/0031-a-loop-and-threads.md says
why; tests/operation judges it.
"""
