"""The shelf of credential types: one file each, called as in n8n. Plain Python."""

import sys

from whoosh_site.core.shelf import Shelf, load_folder
from workflows.credentials.base import CredentialType

shelf: Shelf[CredentialType] = Shelf("credential type")
load_folder(sys.modules[__name__])
