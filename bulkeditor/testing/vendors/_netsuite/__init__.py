"""The stand-in for NetSuite, in parts."""
