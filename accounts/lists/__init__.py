"""Order lists of an account: asked for and placed, found however old, and shown."""
