"""The connector for NetSuite, in parts."""
