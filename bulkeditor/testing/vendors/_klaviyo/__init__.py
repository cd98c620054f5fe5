"""The stand-in for Klaviyo, in parts."""
