"""The connector for Shopify, in parts."""
