"""The ledger and what drives it: runs are rows, each step one flow and one transaction."""
