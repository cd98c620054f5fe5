"""The stand-in for SAP, in parts."""
