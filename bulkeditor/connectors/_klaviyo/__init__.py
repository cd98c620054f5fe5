"""The connector for Klaviyo, in parts."""
