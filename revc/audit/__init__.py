"""`revc audit`: measurements that a program loses nothing, each of which can fail."""

from revc.audit.finding import Finding
from revc.audit.run import audit
from revc.audit.subject import Subject

__all__ = ["Finding", "Subject", "audit"]
