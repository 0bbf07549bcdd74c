"""Modules that are brought, traced once into graphs of ATen calls: forward, and what pulls back."""
