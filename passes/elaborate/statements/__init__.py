"""Every kind of statement, and how it is elaborated."""
