"""For WSGI servers other than `token-service serve`: they find `app` here.

`token-service serve` makes keys and drops old rows beside each worker; another server needs
`token-service purge` every few minutes.
"""

from token_service.app import create_app

app = create_app()
