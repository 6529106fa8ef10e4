"""${message}.

Revision ${up_revision}, after ${down_revision}. Forward only: what the release before this one
reads and writes must keep working on the schema that this makes.
"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade():
    ${upgrades if upgrades else "pass"}
