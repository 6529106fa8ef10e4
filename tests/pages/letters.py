"""What the service has mailed, as files."""

import re
from email import policy
from email.parser import BytesParser
from pathlib import Path

from tests.journeys.service import Service, wait_until


def mailed_link(service: Service, address: str) -> str:
    """The link in the letter to somebody, once it is there."""
    folder = Path(service.environ["TOKEN_SERVICE_MAIL_FOLDER"])
    found: list[str] = []

    def arrived() -> bool:
        for file in folder.glob("*.eml"):
            letter = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
            body = letter.get_body(("plain",))
            if str(letter["To"]).lower() == address.lower() and body is not None:
                found.extend(re.findall(r"http\S+password-reset\S+", body.get_content()))
        return bool(found)

    wait_until(arrived, service.process)
    return found[0]
