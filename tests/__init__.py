"""A package by name, so that processes started by tests find it before anybody else's ``tests``."""
