"""The connector for SAP, in parts."""
