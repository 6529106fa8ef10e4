"""Random commands to the whole service, beside a small model of what it is to do.

`model.py` is the model: pure, and written from the design without a look at how the service works.
`service.py` speaks to the real WSGI application, with two workers on one database. `machine.py`
gives the same random commands to both and compares every answer; `test_machine.py` says how many.
"""
